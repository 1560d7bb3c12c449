"""Server-sent events, read line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.client.news import LONGEST_PAUSE, News, Reader

RUN = '{"kind":"run","id":"run_1","flow":"f","state":"failed"}'


def read(reader: Reader, text: str) -> list[News]:
    """All news of a text."""
    found = (reader.feed(line) for line in text.split("\n"))
    return [news for news in found if news is not None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"event: run\nid: a.1\ndata: {RUN}\n\n", [News("run", "run_1", "f", "failed", "a.1")]),
        (f"event:run\ndata:{RUN}\n\n", [News("run", "run_1", "f", "failed", "")]),
        (
            'event: resync\nid: a.2\ndata: {"kind":"resync","id":""}\n\n',
            [News("resync", place="a.2")],
        ),
        ('event: run\ndata: {"id":\ndata: "x"}\n\n', [News("run", "x")]),
        (": quiet\n\n", []),
        ("event: run\n\n", []),
        ("strange: field\nlonely\n\n", []),
        (f"event: run\ndata: {RUN}", []),
    ],
)
def test_lines_become_news(text: str, found: list[News]) -> None:
    assert read(Reader(), text) == found


def test_the_place_is_that_of_what_was_read() -> None:
    reader = Reader("a.1")
    assert reader.headers == {"Last-Event-ID": "a.1"}
    read(reader, "id: a.2\n\n")
    assert reader.place == "a.2", "a quiet word tells it, too"
    read(reader, f"id: a.3\ndata: {RUN}")
    reader.broken()
    assert reader.place == "a.2", "half a message was not read"
    assert read(reader, f"event: run\ndata: {RUN}\n\n")[0].place == "a.2"


@pytest.mark.parametrize(
    ("line", "pause"),
    [
        ("retry: 250", 0.25),
        ("retry: x", 1.0),
        ("retry: -5", 1.0),
        ("retry: 99999999", LONGEST_PAUSE),
    ],
)
def test_the_pause_is_what_the_daemon_says(line: str, pause: float) -> None:
    reader = Reader()
    reader.feed(line)
    assert reader.pause == pause


@given(st.lists(st.integers(0, 9), max_size=20), st.lists(st.booleans(), max_size=20))
def test_nothing_is_lost_or_told_twice_over_many_connections(
    ids: list[int], breaks: list[bool]
) -> None:
    """Whenever it breaks off, even in a message, the rest is told by the next connection."""
    reader, found = Reader(), list[str]()
    for place, id in enumerate(ids):
        lines = ["event: run", f"id: {place}", f'data: {{"id": "{id}"}}', ""]
        if place < len(breaks) and breaks[place]:
            read(reader, "\n".join(lines[:-1]))
            reader.broken()
            assert reader.place == (str(place - 1) if place else "")
        found += [news.id for line in lines if (news := reader.feed(line)) is not None]
    assert found == [str(id) for id in ids]
