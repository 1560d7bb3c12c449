"""Sources as plain values: narrowing, and sensors of a flow's own."""

from __future__ import annotations

from typing import Any

from triphammer.config.source import SensorSpec, Source

SHARED = Source(kind="webhook", name="gh", options={"path": "gh"}, match={"source": ["gh"]})
OWN = Source(
    kind="timer",
    name="{flow}",
    options={"every": 1},
    match={"source": ["timer/{flow}"], "data": {"$or": [{"a": ("{flow}",)}, {"n": [1]}]}},
    per_flow=True,
)


def test_a_shared_source_is_the_same_for_every_flow() -> None:
    assert SHARED.spec("a") == SHARED.spec("b") == SensorSpec("webhook", "gh", {"path": "gh"})
    assert SHARED.matching("a") == {"source": ["gh"]}


def test_a_flows_own_source_has_its_name_filled_in() -> None:
    spec = OWN.spec("nightly")
    assert spec == SensorSpec("timer", "nightly", {"every": 1, "flow": "nightly"})
    assert spec is not None
    assert spec.id == "timer:nightly"
    assert OWN.matching("nightly") == {
        "source": ["timer/nightly"],
        "data": {"$or": [{"a": ["nightly"]}, {"n": [1]}]},
    }


def test_some_sources_need_no_sensor() -> None:
    posted = Source(kind="events", name="x", options={}, match={}, needs_sensor=False)
    assert posted.spec("a") is None


def test_a_pattern_and_a_predicate_are_kept_both() -> None:
    def large(event: Any) -> bool:
        return bool(event)

    narrowed = SHARED.where({"type": ["a"]}).where(large)
    assert (narrowed.pattern, narrowed.predicate) == ({"type": ["a"]}, large)
    replaced = narrowed.where({"type": ["b"]})
    assert (replaced.pattern, replaced.predicate) == ({"type": ["b"]}, large)
    assert SHARED.pattern is None
