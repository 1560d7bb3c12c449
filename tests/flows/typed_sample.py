"""A flow file that uses all of the surface; mypy and pyright check it in their strict modes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, assert_type

from pydantic import Field

from triphammer import (
    ErrorInfo,
    Event,
    Failed,
    Ok,
    branch,
    chain,
    connection,
    context,
    event,
    events,
    every,
    first_of,
    flow,
    group,
    loop,
    pipeline,
    publish,
    secret,
    send_webhook,
    start,
    state,
    task,
    text,
)


@dataclass
class Order:
    """A sample of a user's own type."""

    id: int
    lines: list[str]


@task
def parse(path: Path) -> list[dict[str, str]]:
    """A plain function."""
    context().logger.info("attempt %d", context().attempt)
    return [{"path": str(path)}]


@task(retries=3, backoff="exponential", timeout="30s", rate="50/s", errors="collect")
async def enrich(row: dict[str, str], region: str = "eu") -> dict[str, str]:
    """A coroutine function."""
    state["last"] = row.get("id")
    publish("seen", row, key=region)
    return {**row, "token": secret("TOKEN"), "db": connection("db")["url"]}


@task
async def load(results: list[Ok[dict[str, str]] | Failed]) -> int:
    """Takes what `errors="collect"` gives."""
    return sum(1 for one in results if isinstance(one, Ok))


@task
def bill(order: Order, total: int) -> None:
    """Takes a user's own type."""


@flow(on=every("1h"), mode="single")
def hourly(event: Event, times: int = 1) -> object:
    """A flow that others call and start."""
    return parse(event.data["due"])


@flow(
    on=[events(type="order"), events(type="order.eu").where({"data": {"id": [1]}})],
    params={"env": event.data["env"]},
)
def orders(
    event: Event[Order], env: str, limit: Annotated[int, Field(gt=0)] = 10
) -> dict[str, object]:
    """Uses everything that a body can use."""
    rows = parse("a/b")
    results = enrich.options(cross=True).partial(region=env).map(rows)
    total = load(results)
    billed = bill.options(when=(total > limit) & ~(rows[0]["path"] == "x"), name="billed")
    last = billed(event.data, total)
    sent = send_webhook(secret("URL"), {"text": text("{n} of {e}", n=total, e=event.subject)})
    chain(rows, [total, last], sent)
    hourly(event)
    start(hourly, {"times": total})
    publish.options(wait="delivered", when=total == 3)("t", {"n": total}, key=event.data.id)
    return {"total": total, "first": rows[0].get("path", "none")}


@task
def alert(error: ErrorInfo) -> None:
    """A handler."""
    ends = context().upstream
    assert_type([ends[name].state for name in ends], list[str])
    context().logger.error("%s: %s", error.type, error.message)


@task(on_failure=alert)
def make() -> str:
    """A setup."""
    return "x"


@task
def drop(made: str) -> None:
    """A teardown."""


@flow(on_failure=alert, teardown=hourly)
def ways(region: str = "eu") -> object:
    """Uses everything that says which tasks run."""
    with group("work", setup=make, teardown=drop) as work:
        a = pipeline(make, parse, load)
        with group("inner"):
            b = load.options(trigger_rule="all_done_min_one_success", on_success=make)(a)
    c = make.options(setup=drop.options(name="d").partial(made="x"))()
    branch(region, {"eu": work, "us": [a, b]}, default=c)
    chain(work, c)
    n = loop(load.options(retries=1), a, until=lambda last: last > 3, max=9)
    hourly.options(max_parallel=3, errors="collect").map([n, n])
    return first_of(a, b)


async def unit_test() -> None:
    """How users test: `fn` is exactly typed."""
    assert_type(parse.fn(Path("x")), list[dict[str, str]])
    assert_type(await load.fn([Ok({"a": "b"})]), int)
    assert_type(bill.fn(Order(1, []), 2), None)
    orders.run(env="x")
