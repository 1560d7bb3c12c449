"""Flows of every construct, killed at a random commit and resumed: the same states and results.

`TRIPHAMMER_CHAOS=20` draws twenty times as many.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.chaos.regime import times
from tests.flows.engine.bench import MemoryJournal, shop
from tests.flows.engine.recipes import random_flow
from triphammer.flows.bodies import level_of
from triphammer.flows.flow import Flow
from triphammer.flows.graph import Node
from triphammer.flows.journal import Posted, RunChange, TaskRow

INSIDE = re.compile(r"\[\d+\](/)")
ENDED = ("succeeded", "failed", "skipped", "cancelled")


class Mortal(MemoryJournal):
    """The store of a daemon that dies at a commit: that one and all later ones are lost."""

    def __init__(self, commits: int, told: list[RunChange]) -> None:
        super().__init__()
        self.changes = told
        self.died = anyio.Event()
        self._left = commits

    @property
    def is_dead(self) -> bool:
        return self.died.is_set()

    def _commit(self, change: RunChange) -> Posted:
        if self._left == 0:
            self.died.set()
            self.hold()
        if self.died.is_set():
            return Posted(change, error=OSError("dead"))
        self._left -= 1
        return super()._commit(change)


class Life:
    """All that was committed of a run, over however many lives it took."""

    def __init__(self, one: Flow[..., Any]) -> None:
        self.flow = one
        self.told: list[RunChange] = []

    def rows(self) -> dict[str, TaskRow]:
        return {row.name: row for change in self.told for row in change.tasks}

    @property
    def end(self) -> RunChange | None:
        ends = [change for change in self.told if change.state in ENDED]
        assert len(ends) <= 1
        return ends[0] if ends else None

    def live(self, commits: int = -1, *, cancel_after: int = -1) -> None:
        """Run on, until the end or until so many commits have happened."""
        settings: dict[str, Any] = {"clock": MockClock(autojump_threshold=0)}
        live = partial(self._live, commits, cancel_after)
        anyio.run(live, backend="trio", backend_options=settings)

    async def _live(self, commits: int, cancel_after: int) -> None:
        before, known = self.rows(), len(self.told)
        journal = Mortal(commits, self.told)
        with tempfile.TemporaryDirectory() as folder:
            async with shop(Path(folder), journal=journal) as s:
                s.begin(self.flow, tasks=list(before.values()), epoch=known)
                async with anyio.create_task_group() as group:
                    group.start_soon(self._until_dead, journal, group)
                    if cancel_after >= 0:
                        await anyio.sleep(cancel_after / 1000)
                        s.cancel("run_1", "enough")
                    await s.wait_ended("run_1")
                    group.cancel_scope.cancel()
        new = (row for change in self.told[known:] for row in change.tasks)
        again = [r.name for r in new if r.name in before and before[r.name].state in ENDED]
        assert not again, "what had ended was touched again"

    async def _until_dead(self, journal: Mortal, group: Any) -> None:
        await journal.died.wait()
        group.cancel_scope.cancel()

    def outcome(self) -> dict[str, Any]:
        """What must be the same however often it was killed."""
        end = self.end
        assert end is not None
        sent = Counter((m.id, m.body) for change in self.told for m in change.outbox)
        assert not sent or max(sent.values()) == 1
        return {
            "state": end.state,
            "result": end.result,
            "failed": sorted(set(end.failed_tasks)),
            "tasks": sorted(summaries(self.rows())),
            "sent": sorted(sent),
        }


def summaries(rows: Mapping[str, TaskRow]) -> Iterator[tuple[Any, ...]]:
    """Of what has others inside the error is left out: which of these failed first is luck."""
    outer = {
        name[: at.start(place)] for name in rows for at in INSIDE.finditer(name) for place in (0, 1)
    }
    for row in rows.values():
        known = row.error is not None and row.name not in outer
        error = row.error.type if known and row.error is not None else ""
        attempt = row.attempt if row.state in ("succeeded", "failed") else 0
        result = "" if row.result is None else row.result.body.decode()
        yield (row.name, row.state, attempt, row.items or 0, error, result)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=times(300), deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), data=st.data())
def test_killed_anywhere_a_run_ends_as_it_would_have(
    seed: int, size: int, data: st.DataObject
) -> None:
    one = random_flow(seed, size)
    whole = Life(one)
    whole.live()
    killed = Life(one)
    for _ in range(data.draw(st.integers(1, 2), label="kills")):
        if killed.end is None:
            left = max(0, len(whole.told) - len(killed.told) - 1)
            killed.live(data.draw(st.integers(0, left), label="commits"))
    if killed.end is None:
        killed.live()
    assert killed.outcome() == whole.outcome()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=times(100), deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), data=st.data())
def test_cancelled_and_killed_every_teardown_that_is_due_has_run(
    seed: int, size: int, data: st.DataObject
) -> None:
    one = random_flow(seed, size)
    run = Life(one)
    run.live(
        data.draw(st.integers(0, 40), label="commits"),
        cancel_after=data.draw(st.integers(0, 20), label="milliseconds until cancelled"),
    )
    if run.end is None:
        run.live()
    assert run.end is not None
    rows = run.rows()
    assert {row.state for row in rows.values()} <= set(ENDED)
    for node in one.graph.every():
        if node.role == "teardown":
            check_teardown(node, rows)


def check_teardown(node: Node, rows: Mapping[str, TaskRow]) -> None:
    """Wherever one of its setups has succeeded it has run."""
    level, short = level_of(node.name), node.name[len(level_of(node.name)) :]
    copies = re.compile(re.escape(level).replace(r"\[\]", r"\[\d+\]"))
    for prefix in {found[0] for name in rows if (found := copies.match(name))}:
        setups = [rows.get(prefix + setup[len(level) :]) for setup in node.undoes or ()]
        if any(setup is not None and setup.state == "succeeded" for setup in setups):
            assert rows[prefix + short].state in ("succeeded", "failed")


def test_the_same_seed_draws_the_same_flow() -> None:
    for seed in range(20):
        first, second = (random_flow(seed).graph.every() for _ in range(2))
        assert [(n.name, n.above) for n in first] == [(n.name, n.above) for n in second]


def test_every_construct_is_drawn() -> None:
    drawn = [node for seed in range(150) for node in random_flow(seed).graph.every()]
    kinds = {node.spec.kind for node in drawn}
    assert kinds == {
        "task",
        "publish",
        "branch",
        "first_of",
        "body",
        "sleep",
        "wait_for",
        "approve",
    }
    assert {node.role for node in drawn} == {"", "setup", "teardown", "handler"}
    assert {node.loop is not None and node.body is not None for node in drawn} == {True, False}
    assert max(node.name.count("[]/") for node in drawn) > 1
    assert msgspec.structs.asdict(drawn[0])["name"]
