"""The text that `/metrics` answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.telemetry.exposition import read
from triphammer.service.metrics import Counters, Family, Histograms, Metric, render

A = Family("a_total", "counter", "A.")
WAYS = Family("ways_total", "counter", "A\\B\nC.", ("flow", "state"))
TIMES = Family("times_seconds", "histogram", "Times.", ("flow",), (0.1, 1, 10))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234567.0, "1234567"), (2.0**53, "9007199254740992"), (0.1, "0.1")],
)
def test_figures_are_not_rounded(value: float, text: str) -> None:
    assert render([A.one(value)]).splitlines()[2:] == [f"a_total {text}"]


def test_labels_are_quoted() -> None:
    family = Family("a", "gauge", "A.", ("flow",))
    lines = render([family.of({('b"\\\n',): 1.0})]).splitlines()
    assert lines == ["# HELP a A.", "# TYPE a gauge", 'a{flow="b\\"\\\\\\n"} 1']


def test_the_wrong_number_of_labels_is_a_defect() -> None:
    with pytest.raises(ValueError, match="zip"):
        render([Metric(WAYS, ((("only one",), 1.0),))])


@given(st.dictionaries(st.tuples(st.text(), st.text()), st.floats(0, 1e300), max_size=5))
def test_whatever_labels_hold_is_read_back(counts: dict[tuple[str, ...], float]) -> None:
    counters = Counters(WAYS)
    for labels, value in counts.items():
        counters.add(labels, value)
    found = read(render([counters.read()]))["ways_total"]
    assert found.help == "A\\\\B\\nC."
    assert len(found.samples) == len(counts)
    for (flow, state), value in counts.items():
        assert found.value(flow=flow, state=state) == value


@given(st.lists(st.floats(0, 20), max_size=30))
def test_buckets_hold_what_is_not_above_their_bound(values: list[float]) -> None:
    histograms = Histograms(TIMES)
    for value in values:
        histograms.observe(("f",), value)
    found = read(render([histograms.read()]))["times_seconds"]
    if not values:
        assert found.samples == {}
        return
    for bound in (0.1, 1, 10):
        key = frozenset({("flow", "f"), ("le", str(bound))})
        expected = sum(1 for value in values if value <= bound)
        assert found.samples["times_seconds_bucket", key] == expected
    flow = frozenset({("flow", "f")})
    assert found.samples["times_seconds_count", flow] == len(values)
    assert found.samples["times_seconds_sum", flow] == pytest.approx(sum(values))


@pytest.mark.parametrize(
    "wrong",
    [
        "a 1",
        "# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a A.\n# TYPE a gauge\nb 1\n",
        '# HELP a A.\n# TYPE a gauge\na{b="\\x"} 1\n',
        '# HELP a A.\n# TYPE a gauge\na{b="1"} 1\na{b="1"} 1\n',
        '# HELP a A.\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n',
    ],
)
def test_the_reader_of_these_tests_is_strict(wrong: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        read(wrong)
