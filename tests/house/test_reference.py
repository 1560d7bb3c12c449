"""The reference page says what the code does."""

from __future__ import annotations

from tests.house.reference import PAGE, reference


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run `python -m tests.house.reference`"
