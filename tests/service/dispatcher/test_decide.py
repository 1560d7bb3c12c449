"""Each event has exactly one disposition for each flow, and `filtered` is recomputed exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from triphammer import Event, events, flow, task
from triphammer.config.source import Source
from triphammer.flows.definition import definition_of
from triphammer.flows.graph import FlowDef
from triphammer.sensors.codec import new_event
from triphammer.service.dispatcher.catalog import Catalog
from triphammer.service.dispatcher.decide import LINEAGE, again, decide
from triphammer.service.dispatcher.explain import filtered

NOW = 1_767_225_600_000_000
TYPES = ("a", "b")
PATTERNS: Sequence[dict[str, Any] | None] = (
    None,
    {"data": {"n": [1]}},
    {"data": {"n": [{"numeric": [">", 0]}]}},
    {"data": {"s": [{"prefix": "x"}]}},
    {"data": {"s": [{"exists": False}]}},
    {"subject": [{"anything-but": "k"}]},
)


@task
def work() -> int:
    return 1


def body() -> object:
    return work()


def raising(event: Event) -> bool:
    return bool(event.data["n"] > 0)


def a_source(type: str, pattern: dict[str, Any] | None, predicate: bool) -> Source:
    source = events(type=type)
    if pattern is not None:
        source = source.where(pattern)
    return source.where(raising) if predicate and pattern is None else source


sources = st.builds(a_source, st.sampled_from(TYPES), st.sampled_from(PATTERNS), st.booleans())
flow_sets = st.lists(st.lists(sources, max_size=3), min_size=1, max_size=5)
datas = st.fixed_dictionaries(
    {}, optional={"n": st.sampled_from([0, 1, 2, "1", None]), "s": st.sampled_from(["x1", "y"])}
)


def defined(on: Sequence[Sequence[Source]]) -> dict[str, FlowDef]:
    return {
        f"f{n}": definition_of(flow(on=list(each), name=f"f{n}")(body)) for n, each in enumerate(on)
    }


def an_event(type: str, data: Any, subject: str | None, lineage: str = "") -> Event:
    extensions = {LINEAGE: lineage} if lineage else {}
    return new_event(
        id="1",
        source="s",
        type=type,
        subject=subject,
        data=data,
        now=NOW,
        extensions=extensions,
    )


def holds(source: Source, event: Event) -> str:
    """What one source says, without index and catalog: yes, no, no by predicate, raised."""
    from triphammer.config.patterns import compile_pattern

    if event.type != source.match["type"][0]:
        return "no"
    if source.pattern is not None and not compile_pattern(source.pattern).matches(event):
        return "no"
    if source.predicate is None:
        return "yes"
    try:
        return "yes" if source.predicate(event) else "predicate"
    except Exception:  # noqa: BLE001 - a user's predicate
        return "raised"


def expected(on: Sequence[Source], event: Event) -> str:
    said = [holds(source, event) for source in on]
    if "yes" in said:
        return "ran"
    return "error" if "raised" in said else "filtered"


@settings(max_examples=400)
@given(flow_sets, st.sampled_from(TYPES), datas, st.sampled_from(["k", "other", None]))
def test_every_flow_has_one_outcome_and_the_right_one(
    on: list[list[Source]], type: str, data: Any, subject: str | None
) -> None:
    flows = defined(on)
    catalog = Catalog(flows)
    event = an_event(type, data, subject)
    decided = decide(event, catalog, NOW)
    outcomes = {d.flow: d.outcome for d in decided.dispositions}
    recomputed = [name for name, _ in filtered(catalog.body, event)]
    told = Counter([d.flow for d in decided.dispositions]) + Counter(recomputed)
    assert told == Counter(dict.fromkeys(flows, 1))
    for number, each in enumerate(on):
        name = f"f{number}"
        assert outcomes.get(name, "filtered") == expected(each, event)
    assert {run.flow for run in decided.runs} == {f for f, o in outcomes.items() if o == "ran"}


def test_a_flow_never_hears_what_it_caused_itself() -> None:
    flows = defined([[events(type="a")], [events(type="a")]])
    decided = decide(an_event("a", {}, None, "f0,x"), Catalog(flows), NOW)
    assert [(d.flow, d.outcome) for d in decided.dispositions] == [("f0", "loop"), ("f1", "ran")]
    assert decided.runs[0].lineage == ("f0", "x", "f1")


def test_a_run_again_knows_which_flows_led_to_its_event() -> None:
    definition = definition_of(flow(on=events(type="a"), name="f")(body))
    new = again(definition, an_event("a", {}, None, "x,y"), subscription="f", now=NOW)
    assert new.lineage == ("x", "y", "f")


def test_a_run_again_has_the_flow_of_now() -> None:
    definition = definition_of(flow(on=events(type="a"), name="f", order_by="subject")(body))
    event = an_event("a", {}, "k")
    (first,) = decide(event, Catalog({"f": definition}), NOW).runs
    assert first.order_key == '"k"'
    new = again(definition, event, subscription="f", now=NOW + 1, lineage=("x", "f"))
    assert new.order_key == '"k"'
    assert new.id != first.id
    assert (new.version, new.lineage, new.created_at) == (definition.version, ("x", "f"), NOW + 1)
