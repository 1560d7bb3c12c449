from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.kafka.positions import NO_TIMESTAMP, Position, are_different
from triphammer.sensors.kafka.start import (
    Committed,
    Facts,
    Gap,
    Recreated,
    Reset,
    Start,
    decide_start,
    mark,
)

OURS = "folder"


def facts(
    earliest: int,
    end: int,
    stored: int | None = None,
    committed: int | None = None,
    by: str = OURS,
    *,
    replaced: bool = False,
    topic: str = "",
    stored_for: str = "",
    committed_for: str = "",
) -> Facts:
    return Facts(
        earliest=earliest,
        end=end,
        topic=topic,
        stored=None if stored is None else Position(stored, 7, stored_for),
        committed=None if committed is None else Committed(committed, marked(by, committed_for)),
        replaced=replaced,
    )


def marked(by: str, topic: str) -> str:
    """As `by` commits; operators leave no mark."""
    return mark(by, topic) if by else ""


FIVE = Start(5)


@pytest.mark.parametrize(
    ("known", "start"),
    [
        # A first start begins at the earliest record, wherever that is.
        (facts(0, 0), Start(0)),
        (facts(40, 90), Start(40)),
        # A group that others have read with goes on where they were.
        (facts(0, 90, committed=30, by=""), Start(30)),
        (facts(40, 90, committed=30, by=""), Start(40, None, (Gap(30, 39),))),
        # The later of both. Only our own last record can be looked at again.
        (facts(0, 90, stored=50), Start(50, 7)),
        (facts(0, 90, stored=50, committed=50), Start(50, 7)),
        (facts(0, 90, stored=50, committed=45), Start(50, 7)),
        (facts(0, 90, stored=50, committed=60, by="other"), Start(60)),
        # Nothing is lost when retention took only what was taken in.
        (facts(50, 90, stored=50), Start(50)),
        (facts(51, 90, stored=50), Start(51, None, (Gap(50, 50),))),
        (facts(90, 90, stored=50), Start(90, None, (Gap(50, 89),))),
        # Somebody moved the group: forward is followed, backward is not.
        (facts(0, 90, stored=50, committed=60, by=""), Start(60, None, (Reset(50, 60, 60),))),
        (facts(0, 90, stored=50, committed=49, by=""), Start(50, 7, (Reset(50, 49, 50),))),
        (facts(0, 90, stored=50, committed=50, by=""), Start(50, 7)),
        # Another log under the same name.
        (facts(0, 49, stored=50), Start(0, None, (Recreated(50, 49, 0),))),
        (facts(3, 40, stored=50, committed=50), Start(3, None, (Recreated(50, 40, 3),))),
        (facts(0, 90, stored=50, replaced=True), Start(0, None, (Recreated(50, 90, 0),))),
        (facts(0, 49, committed=50), Start(0, None, (Recreated(50, 49, 0),))),
        (facts(0, 50, stored=50), Start(50, 7)),
        # The topic's id says which it is, however many records there are.
        (facts(0, 90, stored=50, topic="a", stored_for="a"), Start(50)),
        (
            facts(0, 90, stored=50, topic="b", stored_for="a"),
            Start(0, None, (Recreated(50, 90, 0),)),
        ),
        (
            facts(2, 90, committed=50, topic="b", committed_for="a"),
            Start(2, None, (Recreated(50, 90, 2),)),
        ),
        # A member that did not know yet has committed for the old topic.
        (facts(0, 90, stored=5, committed=50, topic="b", stored_for="b", committed_for="a"), FIVE),
        (facts(0, 40, stored=5, committed=50, topic="b", stored_for="b", committed_for="a"), FIVE),
    ],
)
def test_where_to_go_on(known: Facts, start: Start) -> None:
    assert decide_start(known) == start


def test_without_a_timestamp_nothing_is_looked_at_again() -> None:
    known = Facts(earliest=0, end=90, stored=Position(50, NO_TIMESTAMP))
    assert decide_start(known) == Start(50)


def _drawn(
    earliest: int,
    size: int,
    stored: int | None,
    committed: int | None,
    by: str,
    replaced: bool,
    topics: tuple[str, str, str],
) -> Facts:
    topic, stored_for, committed_for = topics
    return facts(
        earliest,
        earliest + size,
        stored,
        committed,
        by,
        replaced=replaced and stored is not None,
        topic=topic,
        stored_for=stored_for,
        committed_for=committed_for,
    )


ALL_FACTS = st.builds(
    _drawn,
    st.integers(0, 30),
    st.integers(0, 30),
    st.none() | st.integers(0, 70),
    st.none() | st.integers(0, 70),
    st.sampled_from([OURS, "other", ""]),
    st.booleans(),
    st.tuples(*[st.sampled_from(["", "old", "new"])] * 3),
)


@given(ALL_FACTS)
def test_the_start_can_be_read_and_leaves_out_no_record_untold(known: Facts) -> None:
    start = decide_start(known)
    assert known.earliest <= start.read_from <= start.offset <= known.end
    told = {type(finding) for finding in start.findings}
    if Recreated in told:
        assert start.offset == known.earliest
        return
    reached: list[int] = []
    if known.stored is not None:
        assert not are_different(known.stored.topic, known.topic)
        reached.append(known.stored.next)
    if known.committed is not None and not are_different(known.committed.topic, known.topic):
        reached.append(known.committed.offset)
    if not reached:
        assert start == Start(known.earliest)
    else:
        skipped = range(max(reached), start.offset)
        gaps = [range(f.first, f.last + 1) for f in start.findings if isinstance(f, Gap)]
        assert [list(gap) for gap in gaps] == ([list(skipped)] if skipped else [])


@given(ALL_FACTS)
def test_what_was_decided_is_decided_once(known: Facts) -> None:
    """Stored and committed as the start says, the next start finds nothing new."""
    start = decide_start(known)
    again = Facts(
        earliest=known.earliest,
        end=known.end,
        topic=known.topic,
        stored=Position(start.offset, topic=known.topic),
        committed=Committed(start.offset, mark(OURS, known.topic)),
    )
    assert decide_start(again) == Start(start.offset)
