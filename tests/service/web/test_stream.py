"""The stream of news: whoever comes back hears what was missed, once, or that something was."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message, Scope
from trio.testing import MockClock

from tests.service.web.test_openapi import an_application
from triphammer.service.hub import KEPT, RESYNC, Hub, News
from triphammer.service.web.stream import KINDS, QUIET_SECONDS, UNTOLD, Streams

pytestmark = pytest.mark.anyio
MOST = 3


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def never() -> Message:
    """What a client sends that only listens."""
    await anyio.sleep_forever()
    raise AssertionError


class Client:
    """One who reads a stream as browsers do, and remembers the last id over its connections."""

    def __init__(self, *query: tuple[str, str]) -> None:
        self.query = query
        self.id = ""
        self.news: list[News] = []
        self.comments = 0
        self.status = 0
        self.ended = False

    @asynccontextmanager
    async def connected(self, streams: Streams, *, by: str = "header") -> AsyncGenerator[None]:
        """Connected to the stream while the context is open."""
        self.ended = False
        async with anyio.create_task_group() as group:
            group.start_soon(self._read, streams, by)
            await anyio.wait_all_tasks_blocked()
            yield
            await anyio.sleep(1)
            group.cancel_scope.cancel()

    async def _read(self, streams: Streams, by: str) -> None:
        headers = [(b"last-event-id", self.id.encode())] if self.id and by == "header" else []
        place = [("last_event_id", self.id)] if self.id and by == "query" else []
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/v1/stream",
            "query_string": urlencode([*self.query, *place]).encode(),
            "headers": headers,
            "asgi": {"spec_version": "2.4"},
        }
        await streams(scope, never, self._hear)
        self.ended = True

    async def _hear(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        for block in message["body"].decode().split("\n\n"):
            self._take(block.splitlines())

    def _take(self, lines: Sequence[str]) -> None:
        fields = dict(line.split(": ", 1) for line in lines if line[:1] not in ("", ":", "{"))
        self.id = fields.get("id", self.id)
        self.comments += sum(line.startswith(":") for line in lines)
        if "data" in fields:
            news = msgspec.json.decode(fields["data"], type=News)
            assert fields["event"] == news.kind
            self.news.append(news)


def runs(*numbers: int) -> list[News]:
    return [News("run", f"run_{number}", "shop", "queued") for number in numbers]


@pytest.mark.parametrize("by", ["header", "query"])
async def test_who_comes_back_hears_what_came_meanwhile(by: str) -> None:
    hub, client = Hub(), Client()
    streams = Streams(hub, MOST)
    hub.publish(runs(1))
    async with client.connected(streams, by=by):
        hub.publish(runs(2, 3))
    hub.publish(runs(4))
    async with client.connected(streams, by=by):
        hub.publish(runs(5))
    assert client.news == runs(2, 3, 4, 5)


async def test_who_heard_nothing_has_a_place_all_the_same() -> None:
    hub, client = Hub(), Client()
    streams = Streams(hub, MOST)
    hub.publish(runs(1))
    async with client.connected(streams):
        pass
    hub.publish(runs(2))
    async with client.connected(streams):
        pass
    assert client.news == runs(2)


@pytest.mark.parametrize(
    "id", ["nonsense", "here-3", "here-", "here--1", "here-x", "there-1", "-1", "here-" + "9" * 40]
)
async def test_an_id_that_was_never_given_is_a_resync(id: str) -> None:
    hub, client = Hub("here"), Client()
    streams = Streams(hub, MOST)
    hub.publish(runs(1, 2))
    client.id = id
    async with client.connected(streams):
        hub.publish(runs(3))
    assert client.news == [RESYNC, *runs(3)]
    assert client.id == "here-3"


async def test_a_resync_is_not_lost_with_the_connection_that_should_have_brought_it() -> None:
    """What is told at the opening is not yet the place after what was missed."""
    hub, client = Hub(), Client()
    client.id = "old-7"
    opening: list[bytes] = []

    async def first_only(message: Message) -> None:
        opening.append(message.get("body", b""))
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"last-event-id", b"old-7")],
        "asgi": {"spec_version": "2.4"},
    }
    async with anyio.create_task_group() as group:
        group.start_soon(Streams(hub, MOST), scope, never, first_only)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert opening[1] == b"retry: 1000\n\n"
    async with client.connected(Streams(hub, MOST)):
        pass
    assert client.news == [RESYNC]


async def test_a_quiet_stream_tells_how_far_it_is() -> None:
    hub, client = Hub("here"), Client(("flow", "shop"))
    streams = Streams(hub, MOST)
    async with client.connected(streams):
        hub.publish([News("run", "run_1", "another")])
        await anyio.sleep(QUIET_SECONDS / 2)
        assert (client.id, client.comments) == ("here-0", 0)
        hub.publish([News("run", "run_1", "another")])  # news for others do not put it off
        await anyio.sleep(QUIET_SECONDS / 2 + 1)
        assert (client.id, client.comments) == ("here-2", 1)
    hub.publish(runs(4))
    async with client.connected(streams):
        pass
    assert client.news == runs(4)


async def test_who_hears_little_of_much_can_come_back_too() -> None:
    hub, client = Hub("here"), Client(("flow", "shop"))
    streams = Streams(hub, MOST)
    async with client.connected(streams):
        for _ in range(2 * KEPT // UNTOLD):
            hub.publish([News("run", "run_1", "another")] * UNTOLD)
            await anyio.sleep(1)
    assert client.news == []
    async with client.connected(streams):
        hub.publish(runs(1))
    assert client.news == runs(1)


FILTERS: list[tuple[list[tuple[str, str]], list[str]]] = [
    ([], ["evt_1", "run_1 queued", "run_1 load running", "run_2 queued", "shop paused", "store"]),
    ([("run", "run_1")], ["run_1 queued", "run_1 load running"]),
    ([("flow", "shop")], ["run_1 queued", "run_1 load running", "shop paused"]),
    ([("kind", "event")], ["evt_1"]),
    ([("kind", "event"), ("kind", "part")], ["evt_1", "store"]),
    ([("kind", "run"), ("flow", "other")], ["run_2 queued"]),
    ([("run", "run_3")], []),
]


@pytest.mark.parametrize(("query", "heard"), FILTERS)
async def test_what_is_heard_can_be_narrowed(
    query: list[tuple[str, str]], heard: list[str]
) -> None:
    hub, client = Hub(), Client(*query)
    published = [
        News("event", "evt_1"),
        News("run", "run_1", "shop", "queued"),
        News("task", "run_1", "shop", "load running"),
        News("run", "run_2", "other", "queued"),
        News("flow", "shop", "shop", "paused"),
        News("part", "store"),
    ]
    assert {item.kind for item in published} | {"backfill"} == set(KINDS)
    async with client.connected(Streams(hub, MOST)):
        hub.publish(published)
    assert [f"{item.id} {item.state}".strip() for item in client.news] == heard


async def test_an_unknown_kind_is_refused_by_name() -> None:
    client = Client(("kind", "run"), ("kind", "rum"))
    async with client.connected(Streams(Hub(), MOST)):
        pass
    assert (client.status, client.ended) == (422, True)


async def test_only_so_many_streams_are_open_and_a_closed_hub_ends_them() -> None:
    hub = Hub()
    streams, clients = Streams(hub, 1), [Client(), Client()]
    async with clients[0].connected(streams):
        async with clients[1].connected(streams):
            pass
        assert (clients[1].status, clients[1].ended) == (503, True)
        hub.publish(runs(1))
        hub.close()
    assert (clients[0].news, clients[0].ended) == (runs(1), True)
    async with clients[1].connected(streams):  # the daemon stops: it ends at once
        pass
    assert (clients[1].status, clients[1].ended) == (200, True)


async def test_a_head_request_is_answered_and_holds_no_place() -> None:
    streams, sent = Streams(Hub(), 1), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    head: Scope = {
        "type": "http",
        "method": "HEAD",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    for _ in range(2):
        await streams(head, never, send)
    assert [message.get("status") for message in sent] == [200, None, 200, None]


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from([1, 2, 3, UNTOLD, KEPT - 1, KEPT + 1])),
        st.tuples(st.just("lose"), st.integers(0, 6)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=12,
)


class Losing(Client):
    """A client whose connection ends within what is sent: after `blocks` more of it. It notes how
    much was `published` when it heard of a resync."""

    def __init__(self, published: Sequence[News], *query: tuple[str, str]) -> None:
        super().__init__(*query)
        self.published = published
        self.blocks = 0
        self.resyncs: list[int] = []

    def _take(self, lines: Sequence[str]) -> None:
        if self.blocks > 0:
            super()._take(lines)
            if "event: resync" in lines:
                self.resyncs.append(len(self.published))
        self.blocks -= 1


@settings(max_examples=60, deadline=None)
@given(steps=Steps, by=st.sampled_from(["header", "query"]), mine=st.booleans())
def test_each_news_is_heard_once_or_a_resync_tells_of_it(
    steps: Sequence[tuple[str, int]], by: str, mine: bool
) -> None:
    """However connections end: between a resync and the next nothing is missing, nothing double."""
    published: list[News] = []
    client = Losing(published, *([("flow", "shop")] if mine else []))

    def some(count: int) -> list[News]:
        first = len(published)
        made = [
            News("run", f"run_{number}", "shop" if number % 2 else "other")
            for number in range(first, first + count)
        ]
        published.extend(made)
        return made

    async def listen(streams: Streams, blocks: int) -> None:
        client.blocks = blocks
        async with client.connected(streams, by=by):
            pass

    async def go() -> None:
        hub = Hub()
        streams = Streams(hub, MOST)
        await listen(streams, 1)  # it has a place from the beginning
        for what, count in steps:
            if what == "publish":
                hub.publish(some(count))
            elif what == "lose":
                await listen(streams, count)
            else:
                hub = Hub()
                streams = Streams(hub, MOST)
        await listen(streams, 2 * KEPT)

    anyio.run(go, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})
    begins = [0, *client.resyncs]
    ends = [*client.resyncs, len(published)]
    parts = list(_between_resyncs(client.news))
    due = [
        [item for item in published[begin:end] if not mine or item.flow == "shop"]
        for begin, end in zip(begins, ends, strict=True)
    ]
    assert parts == [*(d[: len(p)] for p, d in zip(parts[:-1], due, strict=False)), due[-1]]
    assert not client.resyncs or len(published) > KEPT or ("restart", 0) in steps


def _between_resyncs(news: Sequence[News]) -> Iterator[Sequence[News]]:
    part: list[News] = []
    for item in news:
        if item == RESYNC:
            yield part
            part = []
        else:
            part.append(item)
    yield part


def test_the_document_names_the_kinds() -> None:
    document = an_application().openapi()
    parameters = document["paths"]["/api/v1/stream"]["get"]["parameters"]
    (kind,) = (one["schema"]["items"] for one in parameters if one["name"] == "kind")
    assert tuple(kind["enum"]) == KINDS
    told = document["components"]["schemas"]["NewsItem"]["properties"]
    assert set(told["kind"]["enum"]) == {*KINDS, RESYNC.kind}
    assert list(told) == list(News.__struct_fields__)
