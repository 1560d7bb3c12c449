"""Any sequence of units leaves a store as it leaves a handful of dictionaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.store_cases import (
    CLAIM,
    a_message,
    a_run,
    a_task,
    accept,
    an_event,
    causing,
    changed,
    ran,
    running,
)
from tests.contracts.store_model import Model
from triphammer.service.store.contract import (
    ENDED,
    ClaimMoved,
    ClaimRun,
    Decided,
    DueClaim,
    NewRun,
    OutboxResult,
    Page,
    Unit,
    WriteState,
)
from triphammer.service.store.opening import open_memory
from triphammer.service.store.sqlite.store import SqliteStore

IDS = ("1", "2", "3", "4")
STATES = (None, "running", "succeeded", "failed", "cancelled")
PLAYED = 40


@st.composite
def decisions(draw: st.DrawFn) -> Decided:
    """An event of few identities, so that many are duplicates."""
    runs = [a_run(draw(st.sampled_from("fg"))) for _ in range(draw(st.integers(0, 2)))]
    event = an_event(draw(st.sampled_from(IDS)))
    return ran(event, *runs, claim=draw(st.sampled_from([None, CLAIM])))


@st.composite
def acceptances(draw: st.DrawFn, runs: list[NewRun]) -> Unit:
    decided = draw(st.lists(decisions(), max_size=4))
    runs.extend(run for item in decided for run in item.runs)
    value = draw(st.sampled_from([None, "1", "2"]))
    return accept(*decided, sensor="s", positions={"p": value})


@st.composite
def changes(draw: st.DrawFn, runs: list[NewRun]) -> Unit:
    run = draw(st.sampled_from(runs))
    if draw(st.booleans()):
        return ClaimRun(run=run.id, owner="me")
    message = a_message(draw(st.sampled_from("abcdef")), key=draw(st.sampled_from([None, "k"])))
    unit = changed(
        run,
        epoch=draw(st.integers(0, 2)),
        state=draw(st.sampled_from(STATES)),
        tasks=(a_task(draw(st.sampled_from("xy")), draw(st.sampled_from(["failed", "skipped"]))),),
        outbox=draw(st.sampled_from([(), (message,)])),
        state_writes={draw(st.sampled_from("uv")): draw(st.sampled_from([None, b"1", b"2"]))},
    )
    caused = draw(st.lists(decisions(), max_size=1))
    runs.extend(new for item in caused for new in item.runs)
    return causing(unit, *caused)


@st.composite
def state_writes(draw: st.DrawFn) -> Unit:
    values = st.sampled_from([None, b"1", b"2"])
    writes = draw(st.dictionaries(st.sampled_from("uv"), values, max_size=2))
    expected = draw(st.dictionaries(st.sampled_from("uv"), values, max_size=1))
    return WriteState(flow=draw(st.sampled_from("fg")), writes=writes, expected=expected)


@st.composite
def groups(draw: st.DrawFn) -> Sequence[Sequence[Unit]]:
    """Units as they are committed together; runs are named only after they were offered."""
    runs: list[NewRun] = []
    units: list[Unit] = []
    for _ in range(draw(st.integers(1, PLAYED))):
        what = draw(st.integers(0, 6)) if runs else 0
        if what <= 1:
            units.append(draw(acceptances(runs)))
        elif what <= 4:
            units.append(draw(changes(runs)))
        elif what == 5:
            units.append(draw(state_writes()))
        else:
            state = draw(st.sampled_from(["pending", "delivered", "dead"]))
            message = draw(st.sampled_from("abcdef"))
            units.append(OutboxResult(id=message, state=state, attempts=1))
    size = draw(st.integers(1, 7))
    return [units[at : at + size] for at in range(0, len(units), size)]


@given(groups())
@settings(max_examples=40, deadline=None)
def test_the_store_does_what_the_model_says(played: Sequence[Sequence[Unit]]) -> None:
    anyio.run(_play, played)


async def _play(played: Sequence[Sequence[Unit]]) -> None:
    model = Model()
    async with running(open_memory()) as opened:
        for units in played:
            outcomes = await opened.store.commit(units)
            assert list(outcomes) == [model.apply(unit) for unit in units]
        await _compare(opened.store, model)
        for moved in await opened.store.claims_due(3):
            unit = ClaimMoved(event=moved.event, moved_to=None)
            assert await opened.store.commit([unit]) == [model.apply(unit)]
        await _compare(opened.store, model)


async def _compare(store: SqliteStore, model: Model) -> None:
    events = await store.events(Page(limit=1000))
    assert [row.event.key for row in reversed(events)] == list(model.first.values())
    assert {row.event.key: row.duplicates for row in events} == {
        key: model.duplicates[key] for key in model.first.values()
    }
    runs = await store.runs(Page(limit=1000))
    assert {row.id: (row.state, row.epoch, row.event) for row in runs} == {
        id: (model.states[id], model.epochs[id], model.event_of[id]) for id in model.runs
    }
    for row in runs:
        tasks = {task.name: task.state for task in await store.tasks(row.id)}
        assert tasks == model.tasks[row.id]
    for flow in "fg":
        assert await store.flow_state(flow) == model.flow_state[flow]
    assert await store.positions("s") == model.positions
    due = await store.claims_due(1000)
    assert sorted(due, key=str) == sorted(
        (DueClaim(event, CLAIM, failed) for event, failed in model.due_claims.items()), key=str
    )
    await _compare_counts(store, model)
    messages = await store.outbox_due(2**62, 1000)
    assert [row.message.id for row in messages] == model.due()


async def _compare_counts(store: SqliteStore, model: Model) -> None:
    """What triggers have counted is what there is."""
    by_flow: dict[str, dict[str, int]] = {}
    for run in model.runs.values():
        counts = by_flow.setdefault(run.flow, {})
        counts[model.states[run.id]] = counts.get(model.states[run.id], 0) + 1
    assert await store.run_counts() == by_flow
    for flow in "fg":
        ended = {s: n for s, n in by_flow.get(flow, {}).items() if s in ENDED}
        assert {row.state: row.runs for row in await store.daily_counts(flow, 0)} == ended
    messages = Counter(state for _, state in model.outbox.values())
    assert await store.outbox_counts() == dict(messages)
    size = await store.size()
    counted = (size.events, size.runs, size.messages)
    assert counted == (len(model.first), len(model.runs), len(model.outbox))
