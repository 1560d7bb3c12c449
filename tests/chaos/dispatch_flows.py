"""The flows of the dispatch model, in two generations: a reload leads from one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from triphammer.flows.graph import FlowDef
from triphammer.flows.loader import load_version

COMMON = """
from dataclasses import dataclass
from triphammer import Event, events, finished, flow, task

@task(retries=1, backoff="4.5s")
def first(n: int) -> int:
    return n + {add}

@task
def second(n: int) -> int:
    return 2 * n

@dataclass
class Order:
    n: int
    size: int

@flow(on=events(type="a"), max_runs={plain})
def plain(event: Event):
    return second(first(event.data["n"]))

@flow(on=events(type="a"), order_by="data.k", max_runs={keyed})
def keyed(event: Event):
    return second(first(event.data["n"]))

@flow(on=events(type="b").where(lambda e: e.data["m"]), order_by="data.k", max_runs=2)
def asked(event: Event):
    return second(first(event.data["n"]))

@flow(on=events(type="b"), max_runs=2)
def typed(event: Event[Order]):
    return second(first(event.data["n"]))

@flow(
    on=finished("*", state=["failed", "cancelled"]).where(lambda e: e.data["error"].strip()),
    max_runs=2,
)
def told(event: Event):
    return second(first(1))
"""
PICKY = """
@flow(
    on=[events(type="a").where({"data": {"n": [{"numeric": [">", 5]}]}}), events(type="b")],
    mode="queue",
)
def picky(event: Event):
    return second(first(event.data["n"]))
"""
LATE = """
@flow(on=events(type="a"), max_runs=1)
def late(event: Event):
    return second(first(event.data["n"]))
"""
TEXTS: Sequence[str] = (
    COMMON.replace("{add}", "0").replace("{plain}", "2").replace("{keyed}", "2") + PICKY,
    COMMON.replace("{add}", "100").replace("{plain}", "1").replace("{keyed}", "3") + LATE,
)


FILE = "flows/all.py"
ROOT = Path("/model")
"""Nothing is there: versions are loaded from the sources that the store keeps."""
SHARED = ("plain", "keyed", "asked", "typed", "told")
NAMES: Sequence[Sequence[str]] = ((*SHARED, "picky"), (*SHARED, "late"))


@cache
def generations() -> Sequence[Mapping[str, FlowDef]]:
    """The flows of each generation."""
    return [
        {name: load_version(ROOT, name, FILE, {FILE: text}) for name in names}
        for names, text in zip(NAMES, TEXTS, strict=True)
    ]


def any_event(random: Random, id: str) -> tuple[str, str, Mapping[str, Any]]:
    """An event of which anything may come: id, type, data."""
    data: dict[str, Any] = {"n": random.randrange(11), "size": random.choice((1, 1, "large"))}
    if random.random() < 0.8:
        data["k"] = random.choice("uvwxxx")
    if random.random() < 0.8:
        data["m"] = random.random() < 0.8
    return id, random.choice("ab"), data
