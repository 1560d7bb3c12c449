"""It fails on purpose: see on the run's page why, mend it here, save, and run it again.

Try it:  curl -X POST localhost:8420/hooks/receipt -H 'content-type: application/json' \\
              -d '{"shop": "tea room", "prices": ["2.40", "3,90"]}'
"""

from triphammer import Event, flow, task, text, webhook


@task
def cents(price: str) -> int:
    """One price, "2.40", in cents."""
    print(f"reading {price}")
    return int(price.replace(".", ""))  # "3,90" comes through as it is: replace "," too


@task
def total(prices: list[int]) -> int:
    """What the receipt comes to."""
    return sum(prices)


@task
def announce(message: str) -> str:
    """Say what was found."""
    print(message)
    return message


@flow(on=webhook("receipt"))
def receipts(event: Event) -> object:
    """One run a receipt: read each price, add them up."""
    spent = total(cents.map(event.data["prices"]))
    return announce(text("{shop}: {n} cents", shop=event.data["shop"], n=spent))
