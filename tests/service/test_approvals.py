"""Runs that wait for somebody's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, Field

from tests.service.test_waiting import note
from triphammer import approve, chain, flow, task, text
from triphammer.flows.errors import FormMisfit, GraphError, UnknownTask, ValueMisfit
from triphammer.flows.forms import form_schema, form_values
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.errors import StateForbids
from triphammer.testing import simulate


class Release(BaseModel):
    """What a release needs."""

    version: str = Field(min_length=1, description="Such as 1.2")
    percent: int = 100
    where: Literal["eu", "us"] = "eu"


@dataclass
class Plain:
    amount: int
    urgent: bool = False


class Struct(msgspec.Struct):
    amount: int
    urgent: bool = False


@flow
def release(name: str = "web") -> Any:
    said = approve(text("Release {n}?", n=name), form=Release)
    return [said["by"], said["form"]["version"], note(said["form"])]


def test_the_answer_is_a_value_of_the_run() -> None:
    with simulate(release) as sim:
        run = sim.start(release)
        assert run.state == "waiting"
        (wait,) = sim.call(sim.local.store.waits(run.id))
        assert wait.wait.title == "Release web?"
        assert wait.wait.form is not None
        assert list(wait.wait.form["properties"]) == ["version", "percent", "where"]
        sim.approve(run, form={"version": "1.2", "percent": "50"}, by="ann")
        assert run.state == "succeeded"
        assert run.result == ["ann", "1.2", {"version": "1.2", "percent": 50, "where": "eu"}]


def test_marked_as_approved_it_needs_what_an_answer_gives() -> None:
    with simulate(release) as sim:
        run = sim.start(release)
        with pytest.raises(ValueMisfit, match=r'gives {"by": \.\.\., "form": \.\.\.}'):
            sim.mark(run, "approve", "succeeded")
        assert run.state == "waiting"
        sim.mark(run, "approve", "succeeded", {"by": "ann", "form": {"version": "2"}})
        assert run.result == ["ann", "2", {"version": "2"}]


def test_a_rejection_skips_what_is_behind() -> None:
    @flow
    def ask() -> Any:
        said = approve("Go on?")
        chain(said, note.options(name="after")(1))
        return note.options(name="end", trigger_rule="all_done")(said)

    with simulate(ask) as sim:
        run = sim.start(ask)
        sim.reject(run, by="bob", reason="too early")
        assert (run.state, run.result) == ("succeeded", None)
        row = run.task("approve")
        assert row.state == "skipped"
        assert row.error is not None
        assert (row.error.type, row.error.message) == ("Rejected", "rejected by bob: too early")
        assert run.task("after").state == "skipped"


@pytest.mark.parametrize("what", ["reject", "fail"])
def test_nobody_answers(what: Any) -> None:
    @flow
    def ask() -> Any:
        chain(approve("Go on?", timeout="2 days", on_timeout=what), note())

    with simulate(ask) as sim:
        run = sim.start(ask)
        sim.advance("3d")
        row = run.task("approve")
        assert row.error is not None
        assert row.error.message == "nobody answered within 2d"
        expected = {
            "reject": ("succeeded", "skipped", "Rejected"),
            "fail": ("failed", "failed", "WaitTimeout"),
        }
        assert (run.state, row.state, row.error.type) == expected[what]
        with pytest.raises(StateForbids, match="has ended"):
            sim.approve(run, "approve")


def test_an_approval_never_expires_by_itself() -> None:
    with simulate(release) as sim:
        run = sim.start(release)
        sim.advance("400d")
        assert run.state == "waiting"


def test_only_the_first_answer_counts() -> None:
    @flow
    def two() -> Any:
        first = approve.options(name="first")("One?")
        second = approve.options(name="second")("Two?")
        return [first["by"], second["by"]]

    with simulate(two) as sim:
        run = sim.start(two)
        with pytest.raises(StateForbids, match="name one: first, second"):
            sim.approve(run)
        sim.approve(run, "first", by="ann")
        for again in (sim.approve, sim.reject):
            with pytest.raises(StateForbids, match=r"first of run .* it is succeeded"):
                again(run, "first", by="bob")
        with pytest.raises(UnknownTask, match="did you mean 'second'"):
            sim.approve(run, "secnd")
        sim.approve(run, by="cat")
        assert run.result == ["ann", "cat"]
        told = [(done.what, done.by, done.detail) for done in _operations(sim, run.id)]
        assert told == [("approve", "ann", "first"), ("approve", "cat", "second")]


def test_the_same_key_answers_once() -> None:
    @flow
    def ask() -> Any:
        return approve("Go on?")["by"]

    with simulate(ask) as sim:
        run = sim.start(ask)
        asked = Asked(by="ann", key="k")
        for _ in range(2):
            sim.call(sim.operations.answer(run.id, "approve", asked, approved=True))
        sim.settle()
        assert (run.state, run.result) == ("succeeded", "ann")
        assert len(_operations(sim, run.id)) == 1


def test_a_wrong_form_says_what_and_loses_nothing() -> None:
    with simulate(release) as sim:
        run = sim.start(release)
        for form, fields in (
            ({"version": "", "percent": "much"}, {"version", "percent"}),
            ({}, {"version"}),
            ({"version": "1", "verson": "2"}, {"verson"}),
            ({"version": "1", "where": "asia"}, {"where"}),
        ):
            with pytest.raises(FormMisfit) as wrong:
                sim.approve(run, form=form)
            assert wrong.value.faults.keys() == fields
        assert run.state == "waiting"
        sim.approve(run, form={"version": "1"})
        assert run.state == "succeeded"


def test_in_an_item_of_a_mapped_flow() -> None:
    @flow
    def each(name: str) -> Any:
        return approve(text("{n}?", n=name), form=Plain)["form"]["amount"]

    @flow
    def many() -> Any:
        return each.map(["a", "b"])

    with simulate(many) as sim:
        run = sim.start(many)
        sim.approve(run, "each[1]/approve", form={"amount": 2})
        assert run.state == "waiting"
        sim.approve(run, "each[0]/approve", form={"amount": 1})
        assert (run.state, run.result) == ("succeeded", [1, 2])


@pytest.mark.parametrize("kind", [Plain, Struct])
def test_forms_of_every_kind(kind: Any) -> None:
    schema = form_schema(kind)
    assert (list(schema["properties"]), schema["required"]) == (["amount", "urgent"], ["amount"])
    assert form_values(kind, {"amount": "3", "urgent": "true"}) == {"amount": 3, "urgent": True}
    for given, field in (({}, "amount"), ({"amount": "x"}, "amount"), ({"amount": 1, "u": 2}, "u")):
        with pytest.raises(FormMisfit) as wrong:
            form_values(kind, given)
        assert list(wrong.value.faults) == [field]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"title": ""}, "takes what is asked"),
        ({"title": 3}, "takes what is asked"),
        ({"title": "x", "form": int}, "a form is a pydantic model"),
        ({"title": "x", "timeout": "soon"}, "is no duration"),
        ({"title": "x", "on_timeout": "skip"}, "must be 'reject' or 'fail'"),
    ],
)
def test_what_is_wrong_is_a_load_error(arguments: Any, said: str) -> None:
    @flow
    def one() -> None:
        approve(**arguments)

    with pytest.raises(GraphError, match=said):
        _ = one.graph


def test_a_task_takes_the_form_as_its_class() -> None:
    @task
    def ship(what: Release) -> str:
        return what.version

    @flow
    def typed() -> Any:
        return ship(approve("Go on?", form=Release)["form"])

    with simulate(typed) as sim:
        run = sim.start(typed)
        sim.approve(run, form={"version": "7"})
        assert run.result == "7"


def _operations(sim: Any, run: str) -> Any:
    return sim.call(sim.local.store.operations(run))
