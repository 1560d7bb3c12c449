from __future__ import annotations

from typing import Any

from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow
from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.service.store.contract import RunRow
from triphammer.service.web import views
from triphammer.service.web.comparing import Line, compared
from triphammer.service.web.run_overview import RunOverview

SECOND = 1_000_000
NOW = 100 * SECOND


def a_run(id: str, *tasks: TaskRow, **fields: Any) -> RunOverview:
    given: dict[str, Any] = {
        "seq": 1,
        "flow": "orders",
        "version": "v1",
        "subscription": "orders",
        "state": "succeeded",
        "epoch": 1,
        "event": "evt_1",
        "params": b"{}",
        "lineage": (),
        "created_at": 0,
        "started_at": SECOND,
        "finished_at": 3 * SECOND,
    }
    row = RunRow(id=id, **{**given, **fields})
    return RunOverview(
        row=row,
        run=views.run(row),
        nodes=(),
        tasks={task.name: task for task in tasks},
        items={},
        failed=(),
        waits=(),
        queued_for=None,
        still_running=(),
    )


def a_task(name: str, took: float | None, state: str = "succeeded") -> TaskRow:
    end = None if took is None else int(took * SECOND)
    return TaskRow(name=name, state=state, attempt=1, started_at=0, finished_at=end)


def seen(text: str) -> str:
    return text


def by_name(lines: Any) -> dict[str, Line]:
    return {line.name: line for line in lines}


def test_what_differs_is_marked() -> None:
    error = ErrorInfo("LookupError", "no such row")
    first = a_run("run_1", params=b'{"n":1,"region":"eu"}', result=Encoded("json", b"[1]"))
    second = a_run(
        "run_2", params=b'{"n":2,"region":"eu"}', state="failed", error=error, version="v2"
    )
    found = compared([first, second], [None, None], NOW, seen)
    facts, params = by_name(found.facts), by_name(found.params)
    assert {name for name, line in facts.items() if line.differs} == {
        "State",
        "Version",
        "Error",
        "Result",
    }
    assert [cell.text for cell in facts["Error"].cells] == ["", "LookupError: no such row"]
    assert (params["n"].differs, params["region"].differs) == (True, False)


def test_tasks_differ_by_state_or_by_much_time() -> None:
    first = a_run("run_1", a_task("a", 1), a_task("b", 0.01), a_task("c", 1), a_task("d", 4))
    second = a_run("run_2", a_task("a", 2), a_task("b", 0.05), a_task("c", 1, "failed"))
    tasks = by_name(compared([first, second], [None, None], NOW, seen).tasks)
    assert {name for name, line in tasks.items() if line.differs} == {"a", "c", "d"}
    assert [cell.share for cell in tasks["a"].cells] == [0.25, 0.5]
    assert [cell.state for cell in tasks["d"].cells] == ["succeeded", ""]
    assert tasks["a"].cells[1].link == "/runs/run_2?task=a#task"


def test_what_goes_on_is_told_until_now() -> None:
    run = a_run("run_1", a_task("a", None, "running"), state="running", finished_at=None)
    tasks = by_name(compared([run, run], [None, None], NOW, seen).tasks)
    assert tasks["a"].cells[0].text == "100 s"


def test_of_a_run_that_was_retried_no_time_in_the_queue_is_made_up() -> None:
    first, second = a_run("run_1"), a_run("run_2", retried=2, started_at=2 * SECOND)
    facts = by_name(compared([first, second], [None, None], NOW, seen).facts)
    assert [cell.text for cell in facts["Was queued for"].cells] == ["1 s", ""]
    assert [cell.text for cell in facts["Took"].cells] == ["2 s", "1 s"]
    assert [cell.text[:7] for cell in facts["Was retried"].cells] == ["", "2 times"]
    assert "Was retried" not in by_name(compared([first], [None], NOW, seen).facts)


def test_the_data_of_events_is_compared_field_by_field() -> None:
    def event(data: Any) -> Event[Any]:
        return new_event(id="1", source="s", type="order", subject="o", data=data, now=0)

    runs = [a_run("run_1"), a_run("run_2"), a_run("run_3")]
    events = [event({"a": 1, "b": [1]}), event({"a": 1}), None]
    found = compared(runs, events, NOW, seen)
    data = by_name(found.data)
    assert [cell.text for cell in data["b"].cells] == ["[1]", "", ""]
    assert data["b"].differs
    assert by_name(found.facts)["Event type"].cells[2].text == "gone"
    assert (
        by_name(compared(runs[:1], [event("text")], NOW, seen).data)["data"].cells[0].text == "text"
    )


def test_names_of_tasks_are_escaped_in_addresses() -> None:
    run = a_run("run_1", a_task("a&b=c[1]", 1))
    (line,) = compared([run], [None], NOW, seen).tasks
    assert line.cells[0].link == "/runs/run_1?task=a%26b%3Dc%5B1%5D#task"
