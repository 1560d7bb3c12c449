"""The tasks that every kind of executor must carry out in the same way."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from triphammer.flows.artifacts import Artifact
from triphammer.flows.context import context
from triphammer.flows.credentials import connection, secret
from triphammer.flows.errors import Fail, Skip
from triphammer.flows.flow import flow
from triphammer.flows.keep import artifact
from triphammer.flows.outgoing import publish, start
from triphammer.flows.references import event
from triphammer.flows.state import state
from triphammer.flows.task import task

leak: ContextVar[str] = ContextVar("leak", default="clean")


class Thing:
    """What only a pickle can hold."""

    def __init__(self, name: str) -> None:
        self.name = name


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@task
def give(value: Any) -> Any:
    return value


@task
def boom() -> None:
    raise ValueError("no luck with hunter2hunter2")


@task
def skips() -> None:
    publish("topic", 1)
    raise Skip("no news of hunter2hunter2")


@task
def gives_up() -> None:
    raise Fail("for good")


@task
def leave() -> None:
    sys.exit(3)


@task
def broken_message() -> None:
    raise Broken


@task
def pair() -> Any:
    return (1, 2)


@task
def unstorable() -> Any:
    return (n for n in range(3))


@task
def look() -> list[Any]:
    seen = [context().task, context().attempt, context().run, context().flow, leak.get()]
    leak.set("dirty")
    return seen


@task
def ask() -> None:
    state["n"] = state["n"] + 1
    publish("topic", {"n": state["n"]}, key="k")
    start("other", {"a": 1})


@task
def ask_and_fail() -> None:
    state["n"] = 1
    publish("topic", 1)
    raise ValueError("after all")


@task
def credentials() -> list[Any]:
    return [secret("TOKEN") == "hunter2hunter2", connection("warehouse")["host"]]


@task
def deadline() -> str | None:
    found = context().deadline
    return None if found is None else found.isoformat()


@task
def thing() -> Thing:
    return Thing("one")


@task
def name_of(one: Thing) -> str:
    return one.name


@task
def note(name: str) -> str:
    (context().workdir / name).write_text("here")
    return str(context().workdir)


@task
def says() -> None:
    print("printed hunter2hunter2")
    logging.getLogger("mine").warning("logged")
    context().logger.info("told")


@task
def says_and_waits(fifo: str) -> None:
    print("before")
    Path(fifo).read_text()


@task
def advances(fifo: str) -> None:
    for done in range(1, 1001):
        context().progress(done, 2000)
    Path(fifo).read_text()
    context().progress(1500, 2000)


@task
def keeps() -> Artifact:
    path = context().workdir / "kept.txt"
    path.write_text("kept")
    return artifact(path)


@task
def reads(kept: Artifact) -> str:
    return kept.read_text()


@task
def advances_and_fails() -> None:
    context().progress(1, 3)
    raise ValueError("after a third")


def mark(file: str, text: str) -> None:
    Path(file).write_text(text)


@task
async def coroutine() -> int:
    await asyncio.sleep(0)
    return 5


@task
async def coroutine_for_ever(fifo: str) -> None:
    mark(fifo, "begun")
    try:
        await asyncio.Event().wait()
    finally:
        mark(f"{fifo}.cleaned", "")


@task(timeout=0.01)
async def too_long() -> None:
    await asyncio.Event().wait()


@task
async def cancels_itself() -> None:
    raise asyncio.CancelledError


@flow
def cases() -> None:
    give(event.data)
    boom()
    skips()
    gives_up()
    leave()
    broken_message()
    pair()
    unstorable()
    look()
    ask()
    ask_and_fail()
    credentials()
    deadline()
    deadline.options(name="deadline_in_30", timeout=30)()
    name_of(thing())
    note(event.data)
    says()
    says_and_waits(event.data)
    advances(event.data)
    advances_and_fails()
    reads(keeps())
    coroutine()
    coroutine_for_ever(event.data)
    too_long()
    cancels_itself()
