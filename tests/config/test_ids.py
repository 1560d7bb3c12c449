"""Identifiers are UUIDs of version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import time
import uuid

import pytest

from triphammer.config.ids import PREFIXES, new_id, new_ids


def bare(text: str) -> uuid.UUID:
    return uuid.UUID(hex=text.partition("_")[2])


@pytest.mark.parametrize("prefix", PREFIXES)
def test_version_and_variant(prefix: str) -> None:
    made = new_id(prefix)
    assert made.startswith(f"{prefix}_")
    assert len(made) == len(prefix) + 33
    assert bare(made).version == 7
    assert bare(made).variant == uuid.RFC_4122


def test_the_time_it_was_made_stands_in_front() -> None:
    before = time.time_ns() // 1_000_000
    millis = bare(new_id("run")).int >> 80
    assert before <= millis <= time.time_ns() // 1_000_000


def test_later_milliseconds_sort_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1_700_000_000_000_000_000, 2_000_000_000_000_000_000, 999_999_999))
    monkeypatch.setattr(time, "time_ns", lambda: next(ticks))
    made = [new_id("run") for _ in range(500)]
    assert made == sorted(made)


def test_they_are_unique_within_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    made = [bare(new_id("run")).int for _ in range(20_000)]
    assert len(set(made)) == len(made)
    every = 0
    for one in made:
        every |= one
    # All 74 random bits are used: 12 behind the version, 62 behind the variant.
    assert every & ((1 << 80) - 1) == (0x7FFF << 64) | (0xBFFF << 48) | ((1 << 48) - 1)


def test_a_batch_is_made_of_ids_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    made = [bare(text) for text in new_ids("evt", 20_000)]
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert {one.int >> 80 for one in made} == {1_700_000_000_000}
    assert len(set(made)) == len(made)
    every = 0
    for one in made:
        every |= one.int
    assert every & ((1 << 80) - 1) == (0x7FFF << 64) | (0xBFFF << 48) | ((1 << 48) - 1)
    assert new_ids("run", 0) == []
