"""Worker processes: what dies takes only its own attempt along, what must end is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest

from tests.contracts.executor_cases import Bench, Pipe, at_work, case
from tests.flows.executors.process_flow import odd
from triphammer.config.settings import Limits
from triphammer.flows.codec import decode
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.plan import Plan
from triphammer.flows.envs.building import Builder, Interpreter, Say
from triphammer.flows.envs.spec import EnvSpec, Wanted
from triphammer.flows.errors import EnvFailed, ValueMisfit
from triphammer.flows.executors.contract import Attempt, AttemptResult
from triphammer.flows.executors.processes.executor import ProcessExecutor, worker_environment

pytestmark = pytest.mark.anyio
make = ProcessExecutor.build
PLAN = Plan(definition_of(odd))
HEAVY = ("fastapi", "starlette", "aiokafka", "httpx", "triphammer.service")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def a(node: str, data: Any = None, **given: Any) -> Attempt:
    return case(node, data, plan=PLAN, **given)


def value(bench: Bench, result: AttemptResult) -> Any:
    assert result.value is not None, result.error
    return decode(result.value, Any, bench.artifacts)


class Waiting:
    """An attempt that says who it is and waits until it is let go."""

    def __init__(self, folder: Path, name: str) -> None:
        self.begun = Pipe(folder / f"{name}.begun")
        self.go = folder / f"{name}.go"
        os.mkfifo(self.go)
        self.attempt = a("waits", [self.begun.path, str(self.go)], task=name)

    async def let_go(self) -> None:
        await anyio.to_thread.run_sync(self.go.write_text, "go")


async def until_dead(*pids: int) -> None:
    """Return once all of them have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            await anyio.wait_readable(handle)
            os.close(handle)


async def test_a_killed_worker_fails_its_attempt_and_no_other(tmp_path: Path) -> None:
    one, two = Waiting(tmp_path, "one"), Waiting(tmp_path, "two")
    async with at_work(make) as bench:
        bench.executor.submit([one.attempt, two.attempt])
        first, second = int(await one.begun.written()), int(await two.begun.written())
        os.kill(first, signal.SIGKILL)
        result = await bench.result(one.attempt.id)
        assert result.error is not None
        assert result.error.type == "WorkerDied"
        assert "SIGKILL" in result.error.message
        assert str(first) in result.error.message
        assert result.retryable
        again = await bench.of(a("pid", number=2))  # in a new worker
        assert value(bench, again) not in (first, second)
        await two.let_go()
        assert value(bench, await bench.result(two.attempt.id)) == second
        assert bench.executor.running == 0


@pytest.mark.parametrize(
    ("node", "how", "said"), [("segfault", "SIGSEGV", "in segfault"), ("exits", "exit code 7", "")]
)
async def test_a_crash_is_told_with_the_workers_last_words(node: str, how: str, said: str) -> None:
    async with at_work(make) as bench:
        result = await bench.of(a(node))
        assert (await bench.of(a("pid"))).error is None
    assert result.error is not None
    assert how in result.error.message
    assert said in "\n".join(bench.said(node))


async def test_what_does_not_end_is_killed_with_all_it_started(tmp_path: Path) -> None:
    begun = Pipe(tmp_path / "pids")
    async with at_work(make) as bench:
        bench.executor.submit([one := a("obstinate", begun.path)])
        pids = [int(pid) for pid in (await begun.written()).split()]
        result = await bench.result(one.id)
        assert result.error is not None
        assert result.error.type == "AttemptTimeout"
        assert not result.still_running
        await until_dead(*pids)
        assert (await bench.of(a("pid"))).error is None


async def test_a_cancelled_function_may_tidy_up(tmp_path: Path) -> None:
    begun, tidied = Pipe(tmp_path / "begun"), tmp_path / "tidied"
    one = a("tidies", [begun.path, str(tidied)])
    async with at_work(make) as bench:
        bench.executor.submit([one])
        await begun.written()
        bench.executor.cancel(one.id)
        assert (await bench.result(one.id)).cancelled
    assert tidied.exists()
    assert bench.said("tidies") == ["tidied"]


async def test_workers_stay_warm_and_no_more_are_made_than_allowed() -> None:
    async with at_work(make, limits=Limits(processes=2, grace=timedelta(seconds=2))) as bench:
        attempts = [a("pid", task=f"pid[{n}]") for n in range(20)]
        bench.executor.submit(attempts)
        pids = {value(bench, await bench.result(one.id)) for one in attempts}
        assert len(pids) <= 2
        assert value(bench, await bench.of(a("pid"))) in pids


async def test_the_end_of_the_executor_is_the_end_of_its_processes(tmp_path: Path) -> None:
    begun = Pipe(tmp_path / "pids")
    async with at_work(make) as bench:
        bench.executor.submit([a("with_child", begun.path)])
        worker, near, far = (int(pid) for pid in (await begun.written()).split())
    await until_dead(worker, near)
    os.kill(far, signal.SIGKILL)  # it left the group: the next start of a daemon finds it
    assert threading.active_count() < 20


async def test_what_is_printed_past_python_is_in_the_log() -> None:
    async with at_work(make) as bench:
        await bench.of(a("below"))
        assert bench.said("below") == ["written to 1", "by a child"]
    assert bench.said("below") == ["written to 1", "by a child"]


async def test_lines_beyond_the_limit_are_counted() -> None:
    async with at_work(make, limits=Limits(log_lines=10, processes=1)) as bench:
        await bench.of(a("loud"))
        await bench.of(a("loud", task="again"))
    for task in ("loud", "again"):
        assert bench.said(task)[:-1] == [str(n) for n in range(10)]
        assert bench.said(task)[-1].startswith("40 more lines were dropped")


async def test_a_worker_loads_nothing_heavy_and_has_one_thread() -> None:
    async with at_work(make) as bench:
        modules = value(bench, await bench.of(a("loaded")))
        assert [m for m in modules if m.startswith(HEAVY)] == []
        assert value(bench, await bench.of(a("not_ours"))) == []


@pytest.mark.parametrize("unsent", [threading.Lock(), lambda: 1])
async def test_arguments_that_cannot_be_sent_are_a_misfit(unsent: Any) -> None:
    async with at_work(make) as bench:
        result = await bench.of(a("takes", unsent))
        assert (await bench.of(a("takes", 1, task="after"))).error is None
    assert result.error is not None
    assert result.error.type == ValueMisfit.__name__
    assert "what takes takes cannot be sent to another process" in result.error.message
    assert not result.retryable


SCRIPT = """
from triphammer import flow, task

class Thing:
    def __init__(self, name): self.name = name

@task(executor="process")
def make(name: str) -> Thing:
    return Thing(name)

@task(executor="process")
def again(thing: Thing) -> Thing:
    return Thing(thing.name + "!")

@task
def look(thing: Thing) -> list:
    return [type(thing) is Thing, thing.name]

@flow
def whole(name: str):
    return look(again(make(name)))

if __name__ == "__main__":
    print(whole.run(name="x"))
"""


def test_a_script_runs_its_own_flow_and_shares_its_classes(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[True, 'x!']\n", "")


def test_numeric_libraries_share_the_cores_unless_told_otherwise() -> None:
    assert worker_environment({}, 1000)["OMP_NUM_THREADS"] == "1"
    given = worker_environment({"OMP_NUM_THREADS": "3", "HOME": "/h"}, 1000)
    assert (given["OMP_NUM_THREADS"], given["MKL_NUM_THREADS"], given["HOME"]) == ("3", "1", "/h")


async def test_a_build_that_goes_on_says_nothing_in_the_log_of_a_cancelled_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That log is closed: what comes then would be kept for ever."""
    go, over = threading.Semaphore(0), threading.Event()

    def build(self: Builder, asked: Wanted, say: Say) -> Interpreter:
        say("begun")
        go.acquire()
        say("late")
        over.set()
        raise EnvFailed("nobody waits for it")

    monkeypatch.setattr(Builder, "build", build)
    async with at_work(make) as bench:
        one, two = (
            msgspec.structs.replace(a("pid", task=name), env=EnvSpec(requirements=(f"{name}==1",)))
            for name in ("one", "two")
        )
        bench.executor.submit([one])
        await bench.until_said("one", "begun")
        bench.executor.cancel(one.id)
        assert (await bench.result(one.id)).cancelled
        go.release()
        await anyio.to_thread.run_sync(over.wait)
        bench.executor.submit([two])
        await bench.until_said("two", "begun")  # with all lines that came before
        said = bench.said("one")
        go.release()
        await bench.result(two.id)
    assert said == ["begun"]
