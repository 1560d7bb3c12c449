"""What a running task knows of itself, and its flow's durable mapping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from triphammer.config.secrets import Secrets
from triphammer.flows.context import TaskContext, context, current_context, enter_context
from triphammer.flows.errors import NotInTask, ValueMisfit
from triphammer.flows.state import state
from triphammer.flows.workdir import RunFolder


def a_context(
    tmp_path: Path = Path(),
    *,
    run: str = "run_1",
    task: str = "work",
    attempt: int = 1,
    committed: Mapping[str, bytes] | None = None,
) -> TaskContext:
    return TaskContext(
        run=run,
        flow="sample",
        task=task,
        attempt=attempt,
        event=None,
        params={"n": 1},
        folder=RunFolder(tmp_path, run, used=False),
        state=lambda _flow: committed or {},
        secrets=Secrets(values={}),
    )


def test_outside_a_task_there_is_none() -> None:
    assert current_context() is None
    with pytest.raises(NotInTask, match="running task"):
        context()
    with pytest.raises(NotInTask):
        state["n"]


def test_inside_it_is_the_attempts_own() -> None:
    mine = a_context()
    enter_context(mine)
    try:
        assert context() is mine
        assert (context().run, context().task, context().attempt) == ("run_1", "work", 1)
    finally:
        enter_context(None)


def test_the_key_is_the_same_for_every_attempt_and_another_for_every_task() -> None:
    key = a_context().key
    assert a_context(attempt=2).key == key
    assert a_context(task="work[1]").key != key
    assert a_context(run="run_2").key != key


def test_the_folder_is_made_at_first_use(tmp_path: Path) -> None:
    mine = a_context(tmp_path)
    assert not (tmp_path / "run_1").exists()
    assert mine.workdir == tmp_path / "run_1"
    assert mine.workdir.is_dir()


def test_the_deadline_is_known_once_the_body_begins() -> None:
    mine = a_context()
    assert mine.deadline is None
    mine.begin(1_000_000, 2.5)
    assert mine.deadline == datetime(1970, 1, 1, 0, 0, 3, 500000, tzinfo=UTC)


def test_progress_is_kept_and_told_of() -> None:
    mine = a_context()
    told: list[object] = []
    mine.progress(1, 10)
    mine.notice = told.append
    mine.progress(3, 10)
    assert (told, mine.reached) == ([mine], (3, 10))


@pytest.mark.parametrize("wrong", [("half", 1), (1, None), (float("nan"), 1), (1, float("inf"))])
def test_progress_takes_numbers(wrong: tuple[Any, Any]) -> None:
    with pytest.raises(ValueMisfit, match="progress\\(done, total\\) takes two numbers"):
        a_context().progress(*wrong)


# --- state --------------------------------------------------------------------------------


def test_state_reads_what_is_committed_and_its_own_writes() -> None:
    mine = a_context(committed={"a": b"1", "b": b'{"x":[1]}'}).state
    assert (mine["a"], mine["b"], mine.get("c")) == (1, {"x": [1]}, None)
    mine["c"] = "new"
    mine["a"] = 2
    del mine["b"]
    assert dict(mine) == {"a": 2, "c": "new"}
    assert len(mine) == 2
    assert "b" not in mine
    assert mine.writes == {"c": b'"new"', "a": b"2", "b": None}


def test_state_that_is_only_read_has_no_writes() -> None:
    mine = a_context(committed={"a": b"1"}).state
    assert mine["a"] == 1
    assert mine.writes == {}


def test_a_value_read_is_a_copy() -> None:
    mine = a_context(committed={"a": b"[1]"}).state
    mine["a"].append(2)
    assert mine["a"] == [1]
    assert mine.writes == {}


def test_an_attempt_sees_one_state_throughout() -> None:
    committed = {"a": b"1"}
    mine = a_context(committed=committed).state
    assert mine["a"] == 1
    committed["a"] = b"2"
    assert mine["a"] == 1


def test_what_is_not_there_cannot_be_read_or_deleted() -> None:
    mine = a_context().state
    with pytest.raises(KeyError):
        mine["a"]
    with pytest.raises(KeyError):
        del mine["a"]


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, float("nan"), object(), {1, 2}])
def test_what_json_would_change_is_refused(value: object) -> None:
    with pytest.raises(ValueMisfit, match="state\\['a'\\]"):
        a_context().state["a"] = value


def test_keys_of_the_engine_are_out_of_reach() -> None:
    mine = a_context(committed={"$rate/x": b"5", "a": b"1"}).state
    assert list(mine) == ["a"]
    with pytest.raises(ValueMisfit, match="begin with"):
        mine["$rate/x"] = 1
