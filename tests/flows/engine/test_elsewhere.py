"""The constructs in the testing kit, and with tasks in another process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from tests.flows.engine.bench import LoopClock, Ran, shop
from tests.flows.support import load_text
from triphammer.config.secrets import Secrets
from triphammer.flows.executors.body import run_body
from triphammer.flows.executors.contract import Attempt, AttemptResult
from triphammer.flows.executors.inline import InlineExecutor
from triphammer.flows.executors.outcome import nothing_more
from triphammer.flows.executors.remote import Plans, perform
from triphammer.flows.workdir import RunFolder
from triphammer.testing import simulate

FLOW = """
from typing import Any
from triphammer import ErrorInfo, branch, context, first_of, group, loop

@task
def make() -> str:
    return "x"
@task
def drop(made: str) -> str:
    return f"{made} {sorted(context().upstream)}"
@task
def add(a: int, b: int = 1) -> int:
    return a + b
@task
def fail() -> int:
    raise ValueError("boom")
@task
def told(error: ErrorInfo) -> str:
    return error.message
@task(trigger_rule="all_done")
def past(value: int, ends: Any = None) -> list[Any]:
    return [value, context().upstream["fail"].state]
@flow
def inner(n: int, more: int):
    return loop(lambda last: add(last, more), n, until=lambda last: last > 4, max=9)
@flow(on_failure=told)
def whole(more: int = 2):
    with group("g", setup=make, teardown=drop):
        sums = inner.partial(more=add(more, 0)).map([1, 2])
    a, b = add(1), add(2)
    branch("b", {"a": a, "b": b})
    return {"sums": sums, "first": first_of(a, b), "past": past(fail())}
"""
RESULT = {"sums": [5, 6], "first": 3, "past": [None, "failed"]}
TEARDOWN = "x ['g.add', 'g.inner', 'g.make']"


def loaded(root: Path) -> Any:
    found = load_text(root, FLOW)
    assert not found.errors, list(map(str, found.errors))
    return found.flows["whole"]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Elsewhere(InlineExecutor):
    """Sends each attempt as a parcel and performs what comes out of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(LoopClock().now)
        self._plans = Plans()
        self._folder = folder

    async def _outcome(self, attempt: Attempt, started_at: int) -> AttemptResult:
        now = LoopClock().now

        def body(sent: Attempt) -> AttemptResult:
            return run_body(sent, started_at, now, nothing_more)

        folder = RunFolder(self._folder, "run_1", used=False)
        parcel = attempt.pack()
        return perform(parcel, self._plans, Secrets(values={}), folder, now, body).result


@pytest.mark.anyio
async def test_tasks_in_another_process_know_their_turns_and_upstreams(tmp_path: Path) -> None:
    one, executor = loaded(tmp_path), Elsewhere(tmp_path)
    async with shop(tmp_path, executors={"async": executor, "thread": executor}) as s:
        s.begin_defined(one, more=2)
        run = Ran(await s.end(), s.journal.rows("run_1"))
    assert (run.state, run.result) == ("succeeded", RESULT)
    assert run.value("g.drop") == TEARDOWN
    assert run.states["told"] == "skipped"


def test_the_testing_kit_runs_them(tmp_path: Path) -> None:
    space: dict[str, Any] = {}
    imports = "from triphammer import flow, task\n"
    exec(compile(imports + FLOW, "sample.py", "exec"), space)
    with simulate(space["whole"]) as sim:
        run = sim.start("whole", more=2)
        assert (run.state, run.result) == ("succeeded", RESULT)
        assert run.task("g.inner[1]/loop[1]/add").result == 6
        assert run.task("g.drop").result == TEARDOWN
