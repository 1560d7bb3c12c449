"""The flows of `make demo`: one for each kind of source, and what goes out again."""

from pathlib import Path

from triphammer import (
    Event,
    context,
    every,
    files,
    flow,
    publish,
    secret,
    send_webhook,
    task,
    text,
    topic,
    webhook,
)


@task
def numbers(path: Path) -> list[int]:
    """The numbers of a dropped file, one a line."""
    return [int(line) for line in path.read_text().split()]


@task
async def square(n: int) -> int:
    """One of the fan-out."""
    return n * n


@task
def total(squares: list[int]) -> int:
    """The join."""
    return sum(squares)


@task(retries=3, backoff="50ms")
async def shaky(n: int) -> int:
    """Fails twice, then succeeds."""
    if context().attempt <= 2:
        raise ConnectionError(f"attempt {context().attempt}: the other side hangs up")
    return n


@flow(on=files("inbox", "*.txt", settle="100ms", done="archive"))
def fan_out(event: Event) -> object:
    """A file of 20 numbers: squared side by side, joined, published and told."""
    result = shaky(total(square.map(numbers(event.data["path"]))))
    publish("demo.totals", key=event.subject, value={"total": result})
    send_webhook(
        secret("RECEIVER"),
        {"text": text("{file}: {n}", file=event.subject, n=result)},
        secret=secret("SIGNING"),
    )
    return result


@flow(on=webhook("demo"))
def posted(event: Event) -> object:
    """A webhook."""
    return square(event.data["n"])


@flow(on=topic("demo.readings"))
def record(event: Event) -> object:
    """A Kafka record."""
    return square(event.data["n"])


@flow(on=every("1h", now=True))
def tick(event: Event) -> object:
    """A timer."""
    return square(7)
