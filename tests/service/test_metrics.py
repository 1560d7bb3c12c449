"""The text that `/metrics` answers."""

from __future__ import annotations

import pytest

from triphammer.service.metrics import Metric, render


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234567.0, "1234567"), (2.0**53, "9007199254740992"), (0.1, "0.1")],
)
def test_figures_are_not_rounded(value: float, text: str) -> None:
    assert render([Metric("a_total", "counter", "A.", [({}, value)])]).splitlines()[2:] == [
        f"a_total {text}"
    ]


def test_labels_are_quoted() -> None:
    lines = render([Metric("a", "gauge", "A.", [({"flow": 'b"\\\n'}, 1.0)])]).splitlines()
    assert lines == ["# HELP a A.", "# TYPE a gauge", 'a{flow="b\\"\\\\\\n"} 1']
