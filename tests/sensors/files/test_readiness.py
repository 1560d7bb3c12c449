"""The machine in virtual time, against writers whose every write is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.files.readiness import Look, Readiness

SETTLE = 1000
MARKED = {"done_file": "{name}.done"}


def look(identity: str = "v1", *, changed: int = 0, seen: int = 0, marked: bool = False) -> Look:
    return Look(identity, changed, seen, marked)


def judged(machine: Readiness, now: int, shown: Look | None) -> bool:
    """The one file is taken at `now` and looked at just then."""
    assert machine.take(now, 10) == ["a"]
    return machine.judge("a", shown, now, now)


def test_stable_is_due_a_settle_time_after_the_last_notice() -> None:
    machine = Readiness("stable", SETTLE)
    machine.noticed("a", 0)
    machine.noticed("a", 700)
    assert machine.next_due() == 1700
    assert machine.take(1699, 10) == []
    assert judged(machine, 1700, look(changed=700, seen=1700))
    assert machine.next_due() is None


def test_a_change_that_was_not_noticed_waits_for_another_settle_time() -> None:
    machine = Readiness("stable", SETTLE)
    machine.noticed("a", 0)
    assert not judged(machine, 1000, look("v1", changed=900, seen=1000))
    assert machine.next_due() == 1900
    assert judged(machine, 1900, look("v1", changed=900, seen=1900))


def test_a_version_other_than_the_scan_showed_waits() -> None:
    machine = Readiness("stable", SETTLE)
    machine.found("a", "v1", 0)
    assert not judged(machine, 1000, look("v2", seen=1000))
    assert judged(machine, 2000, look("v2", seen=2000))


def test_a_notice_during_the_look_keeps_the_file_back() -> None:
    machine = Readiness("stable", SETTLE)
    machine.noticed("a", 0)
    assert machine.take(1000, 10) == ["a"]
    machine.noticed("a", 1001)
    assert not machine.judge("a", look(seen=1000), 1002, 1000)
    assert machine.next_due() == 2001


def test_another_clocks_future_says_nothing() -> None:
    machine = Readiness("stable", SETTLE)
    machine.noticed("a", 0)
    assert judged(machine, 1000, look(changed=10**9, seen=1000))


def test_renamed_files_are_whole_at_once_and_written_ones_must_be_stable() -> None:
    machine = Readiness("rename", SETTLE)
    machine.arrived("a", 5)
    assert judged(machine, 5, look(changed=5, seen=5))
    machine.found("a", "v1", 6)
    assert judged(machine, 6, look(changed=5, seen=6))
    machine.noticed("a", 10)
    assert machine.next_due() == 1010
    machine.arrived("a", 20)
    assert machine.next_due() == 20
    assert judged(machine, 20, look(changed=10, seen=20))


def test_immediate_is_whole_at_every_look() -> None:
    machine = Readiness("immediate", SETTLE)
    machine.noticed("a", 5)
    assert machine.immediate
    assert judged(machine, 5, look(changed=5, seen=5))


def test_with_a_marker_only_news_of_either_are_worth_a_look() -> None:
    machine = Readiness(MARKED, SETTLE)
    machine.noticed("a", 0)
    assert not judged(machine, 0, look())
    assert machine.next_due() is None
    machine.marked("b.done", 1)
    assert machine.next_due() is None
    machine.marked("a.done", 2)
    assert judged(machine, 2, look(marked=True, seen=2))
    machine.marked("a.done", 3)
    assert machine.next_due() is None


def test_with_a_marker_a_scan_looks_again() -> None:
    machine = Readiness(MARKED, SETTLE)
    machine.noticed("a", 0)
    assert not judged(machine, 0, look())
    machine.found("a", "v1", 7)
    assert machine.next_due() == 7


@pytest.mark.parametrize("ready", ["stable", "rename", "immediate", MARKED])
def test_what_is_gone_waits_no_more(ready: str | Mapping[str, str]) -> None:
    machine = Readiness(ready, SETTLE)
    machine.noticed("a", 0)
    machine.noticed("b", 0)
    machine.gone("a")
    machine.gone("a")
    assert machine.take(5000, 10) == ["b"]
    assert not machine.judge("a", look(), 5000, 5000)
    assert not machine.judge("b", None, 5000, 5000)
    assert machine.paths() == []
    assert machine.next_due() is None


def test_no_more_are_taken_than_asked_for() -> None:
    machine = Readiness("immediate", 0)
    for name in "abcde":
        machine.noticed(name, ord(name))
    assert machine.take(1000, 3) == ["a", "b", "c"]
    assert machine.take(1000, 3) == ["d", "e"]


@dataclass
class Played:
    """A file that is written at known times, and a machine that hears of some of it, late."""

    writes: list[tuple[int, int | None]]
    emitted: list[int] = field(default_factory=list[int])

    def version(self, now: int) -> int:
        return sum(at <= now for at, _ in self.writes)

    def changed(self, now: int) -> int:
        return max(at for at, _ in self.writes if at <= now)

    def play(self, machine: Readiness, scans: int) -> None:
        """Go through all times at which something is heard of, scanned or due."""
        heard = {at + late for at, late in self.writes if late is not None}
        end = self.writes[-1][0] + 3 * scans + 10 * SETTLE
        agenda = heard | set(range(self.writes[0][0], end, scans))
        while agenda:
            due = machine.next_due()
            now = min(agenda) if due is None or due > min(agenda) else due
            agenda.discard(now)
            if now in heard:
                machine.noticed("a", now)
            elif (now - self.writes[0][0]) % scans == 0 and self.version(now) not in self.emitted:
                machine.found("a", str(self.version(now)), now)
            for path in machine.take(now, 1):
                version = self.version(now)
                shown = Look(str(version), self.changed(now), now)
                if machine.judge(path, shown, now, now) and version not in self.emitted:
                    self.emitted.append(version)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(1, SETTLE // 2), st.integers(3 * SETTLE, 4 * SETTLE)),
            st.one_of(st.none(), st.integers(0, 3 * SETTLE)),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(2 * SETTLE, 9 * SETTLE),
)
def test_no_part_and_no_miss_however_late_or_lossy_the_news(
    gaps: list[tuple[int, int | None]], scans: int
) -> None:
    """Writers pause up to half the settle time within a version, long between versions."""
    now, writes = 0, list[tuple[int, int | None]]()
    for gap, late in gaps:
        now += gap
        writes.append((now, late))
    played = Played(writes)
    played.play(Readiness("stable", SETTLE), scans)
    longs = [n for n, (gap, _) in enumerate(gaps) if gap >= 3 * SETTLE and n]
    whole = {*longs, len(gaps)}
    assert set(played.emitted) <= whole
    assert len(gaps) in played.emitted
    assert played.emitted == sorted(played.emitted)
