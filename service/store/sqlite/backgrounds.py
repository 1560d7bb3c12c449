"""Reads what many runs begin or go on with at once: a read for each made every start wait."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from triphammer.flows.journal import TaskRow, WaitAnswer
from triphammer.service.store.contract import Background, RunRow
from triphammer.service.store.sqlite.rows import event_row, task_row, wait_answer


def backgrounds(
    sql: Mapping[str, str],
    waits: Mapping[str, str],
    runs: Sequence[RunRow],
    raw: sqlite3.Connection,
) -> Sequence[Background]:
    """The event, the tasks and the answers of each run, in the order of `runs`."""
    cursor = raw.cursor()
    cursor.row_factory = sqlite3.Row
    keys = _array({run.event for run in runs})
    events = {row["key"]: event_row(row) for row in cursor.execute(sql["events_named"], (keys,))}
    tasks: defaultdict[int, list[TaskRow]] = defaultdict(list)
    for row in cursor.execute(sql["tasks_of_runs"], (_array({run.seq for run in runs}),)):
        tasks[row["run"]].append(task_row(row))
    answers: defaultdict[int, dict[str, WaitAnswer]] = defaultdict(dict)
    for row in cursor.execute(waits["answers_of_runs"], (_array({run.seq for run in runs}),)):
        answers[row["run"]][row["task"]] = wait_answer(row["answer"])
    return [
        Background(events.get(run.event), tuple(tasks[run.seq]), answers[run.seq]) for run in runs
    ]


def _array(values: set[str] | set[int]) -> str:
    return msgspec.json.encode(values).decode()
