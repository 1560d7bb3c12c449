"""`@task(cache=...)` in virtual time: when a result that was found before is taken."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from triphammer import Artifact, Event, artifact, events, flow, publish, state, task
from triphammer.flows.errors import GraphError
from triphammer.testing import Simulation, posted_event, simulate

RAN: list[Any] = []


@pytest.fixture(autouse=True)
def _from_nothing() -> None:
    RAN.clear()


@task(cache=True)
def double(n: int) -> int:
    RAN.append(n)
    return 2 * n


@flow
def doubling(n: int) -> object:
    return double(n)


def results(sim: Simulation, flow: Any, *given: dict[str, Any]) -> list[Any]:
    return [sim.start(flow, **params).result for params in given]


def test_equal_arguments_run_once_and_the_row_says_where_it_is_from() -> None:
    with simulate(doubling) as sim:
        assert results(sim, doubling, {"n": 1}, {"n": 2}, {"n": 1}) == [2, 4, 2]
        assert RAN == [1, 2]
        rows = [run.task("double") for run in sim.runs()]
        first, _, again = sim.runs()
        assert [row.state for row in rows] == ["succeeded"] * 3
        sources = [
            row.cached_from for run in sim.runs() for row in sim.call(sim.local.store.tasks(run.id))
        ]
        assert sources == [None, None, first.id]
        assert again.state == "succeeded"


@task(cache="1h")
async def hourly(n: int) -> int:
    RAN.append(n)
    return n


@flow
def each_hour(n: int) -> object:
    return hourly(n)


def test_an_old_result_is_not_taken_and_hits_do_not_make_it_younger() -> None:
    with simulate(each_hour) as sim:
        sim.start(each_hour, n=1)
        for _ in range(3):
            sim.advance("25m")
            sim.start(each_hour, n=1)
        assert RAN == [1, 1]


def id_of(row: dict[str, int], at: str) -> int:
    return row["id"]


@task(cache=True, cache_key=id_of)
def by_id(row: dict[str, int], at: str) -> str:
    RAN.append(at)
    return at


@flow
def keyed(id: int, at: str) -> object:
    return by_id({"id": id, "size": 1}, at)


def test_a_key_of_its_own_counts_in_place_of_the_arguments() -> None:
    with simulate(keyed) as sim:
        given = [{"id": 1, "at": "a"}, {"id": 1, "at": "b"}, {"id": 2, "at": "c"}]
        assert results(sim, keyed, *given) == ["a", "a", "c"]


@task(cache=True)
def tells(n: int) -> int:
    RAN.append(n)
    publish("topic", n)
    return n


@task(cache=True)
def counts(n: int) -> int:
    RAN.append(n)
    state["n"] = n
    return n


@task(cache=True)
def fails(n: int) -> int:
    RAN.append(n)
    raise ValueError(n)


@task(cache=True)
def keeps_more(n: int) -> int:
    RAN.append(n)
    artifact(b"beside", name="beside")
    return n


@pytest.mark.parametrize("one", [tells, counts, fails, keeps_more])
def test_what_did_more_than_give_its_result_is_run_each_time(one: Any) -> None:
    @flow
    def busy(n: int) -> object:
        return one(n)

    with simulate(busy) as sim:
        sim.start(busy, n=1)
        sim.start(busy, n=1)
    assert RAN == [1, 1]


@flow
def mapped(ns: list[int]) -> object:
    return double.map(ns)


def test_items_of_a_map_each_have_their_own() -> None:
    with simulate(mapped, doubling) as sim:
        sim.start(doubling, n=2)
        assert sim.start(mapped, ns=[1, 2, 3]).result == [2, 4, 6]
        assert sim.start(mapped, ns=list(range(200))).result == [2 * n for n in range(200)]
    assert sorted(RAN[:3]) == [1, 2, 3]
    assert len(RAN) == 200


class Thing:
    """What only a pickle can hold."""

    def __init__(self, n: int) -> None:
        self.n = n


@task(cache=True)
def report(n: int) -> Artifact:
    RAN.append(n)
    return artifact(f"report {n}", name="report.txt")


@task(cache=True)
def thing(n: int) -> Thing:
    RAN.append(n)
    return Thing(n)


@task(cache=True)
def read(report: Artifact) -> str:
    RAN.append("read")
    return report.read_text()


@flow
def reporting(n: int) -> object:
    return read(report(n))


@flow
def things(n: int) -> object:
    return thing(n)


def test_artifacts_count_by_their_content_and_are_looked_at() -> None:
    with simulate(reporting) as sim:
        assert results(sim, reporting, {"n": 1}, {"n": 1}) == ["report 1", "report 1"]
        assert RAN == [1, "read"]
        kept = sim.runs()[0].task("report").result
        path = kept.path
        path.chmod(0o600)
        path.write_text("damaged!")
        sim.start(reporting, n=1)
        assert RAN == [1, "read", 1]
        path.unlink()
        sim.start(reporting, n=1)
        assert RAN.count(1) == 3


def test_pickles_come_back_too() -> None:
    with simulate(things) as sim:
        assert [run.n for run in results(sim, things, {"n": 1}, {"n": 1})] == [1, 1]
    assert RAN == [1]


@flow(on=events(type="t"))
def on_event(event: Event) -> object:
    return double(event.data["n"])


def test_of_an_event_only_what_is_taken_counts() -> None:
    with simulate(on_event) as sim:
        for unused in range(3):
            sim.emit(posted_event("t", {"n": 7, "unused": unused}))
    assert RAN == [7]


def test_what_cannot_be_told_is_run(caplog: pytest.LogCaptureFixture) -> None:
    def broken(n: int) -> str:
        raise RuntimeError("no key")

    @flow
    def unkeyed(n: int) -> object:
        return double.options(cache_key=broken)(n)

    with simulate(unkeyed) as sim:
        assert results(sim, unkeyed, {"n": 1}, {"n": 1}) == [2, 2]
    assert RAN == [1, 1]
    assert "double of unkeyed is not cached: RuntimeError('no key')" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache": "soon"}, "soon"),
        ({"cache": 0}, "longer than nothing"),
        ({"cache": True, "cache_key": "id"}, "must be a function of the task's arguments"),
        ({"cache_key": len}, "give cache= too"),
    ],
)
def test_options_that_say_nothing_are_refused(options: Any, message: str) -> None:
    def nothing() -> None: ...

    with pytest.raises(GraphError, match=message):
        task(**options)(nothing)


def test_paths_are_told_by_name_only(tmp_path: Path) -> None:
    @flow
    def of_path(path: Path) -> object:
        return length(path)

    with simulate(of_path) as sim:
        (tmp_path / "a").write_text("abc")
        assert sim.start(of_path, path=str(tmp_path / "a")).result == 3
        (tmp_path / "a").write_text("abcdef")
        assert sim.start(of_path, path=str(tmp_path / "a")).result == 3  # as docs/how-to.md says


@task(cache=True)
def length(path: Path) -> int:
    return len(path.read_text())


IN_ENV = """
from triphammer import flow, task

ran = []

@task(cache=True, env="own")
def train(n: int) -> int:
    ran.append(n)
    return n

@flow
def training(n: int) -> object:
    return train(n)
"""


def test_of_an_environment_of_its_own_the_requirements_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in a file that no version of the flow holds."""
    (tmp_path / "in_own_env.py").write_text(IN_ENV)
    requirements = tmp_path / "own" / "requirements.txt"
    requirements.parent.mkdir()
    requirements.write_text("thing==1\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType]
    module: Any = import_module("in_own_env")
    with simulate(module.training) as sim:
        results(sim, module.training, {"n": 1}, {"n": 1})
        assert module.ran == [1]
        requirements.write_text("thing==2\n")
        results(sim, module.training, {"n": 1}, {"n": 1})
        assert module.ran == [1, 1]
