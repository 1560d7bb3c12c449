"""How requests are sent, sent again and given up, by both kinds of client."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

from tests.service.client.faces import Ask, both
from tests.service.client.scripted import LOST, answer, daemon, stream
from triphammer.service.client.answers import request
from triphammer.service.client.asynchronous import AsyncClient
from triphammer.service.client.errors import ClientError, Refused, Unreachable
from triphammer.service.client.news import News
from triphammer.service.client.sync import Client
from triphammer.service.client.topics.code import CodeCalls

BUSY = {"retry-after": "0"}
RUN = {"id": "run_1", "state": "queued"}


@both
def test_a_call_and_its_answer(ask: Ask) -> None:
    with daemon(answer(202, RUN)) as there:
        assert ask(there.url, "start", "a/b", {"n": 1}, options={"token": "t", "by": "me"}) == RUN
    (asked,) = there.asked
    assert asked.line == "POST /api/v1/flows/a%2Fb/runs HTTP/1.1"
    assert msgspec.json.decode(asked.body) == {"params": {"n": 1}, "event": None}
    assert asked.headers["authorization"] == "Bearer t"
    assert asked.headers["triphammer-by"] == "me"
    assert asked.headers["content-type"] == "application/json"


@both
def test_a_problem_tells_all_that_it_says(ask: Ask) -> None:
    fault = {"where": "params.n", "problem": "no number"}
    told = {"status": 422, "title": "Unprocessable", "detail": "it does not fit", "errors": [fault]}
    with daemon(answer(422, told)) as there, pytest.raises(Refused) as raised:
        ask(there.url, "start", "demo")
    error = raised.value
    assert (error.status, error.title, error.detail) == (422, "Unprocessable", "it does not fit")
    assert error.errors == (fault,)
    assert str(error) == "it does not fit"


@both
@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (502, "<html>bad gateway</html>", "HTTP 502: <html>bad gateway"),
        (200, "<html>hello</html>", "what answers is no triphammer: <html>hello"),
        (401, '{"detail": "who are you?"}', "who are you.; give it as TRIPHAMMER_TOKEN"),
    ],
)
def test_what_no_daemon_of_ours_says(ask: Ask, status: int, text: str, told: str) -> None:
    with daemon(answer(status, text=text)) as there, pytest.raises(Refused, match=told):
        ask(there.url, "flow", "demo")


@both
def test_a_busy_daemon_is_asked_again_under_the_same_key(ask: Ask) -> None:
    busy = answer(503, {"detail": "full"}, headers=BUSY)
    with daemon(busy, answer(429, {"detail": "full"}, headers=BUSY), answer(202, RUN)) as there:
        assert ask(there.url, "start", "demo") == RUN
    first, second, third = there.asked
    assert first.key == second.key == third.key
    assert first.body == third.body


@both
def test_each_call_has_a_key_of_its_own(ask: Ask) -> None:
    with daemon(answer(202, RUN), answer(202, RUN), answer(202, RUN)) as there:
        ask(there.url, "start", "demo")
        ask(there.url, "start", "demo")
        ask(there.url, "start", "demo", key="mine")
    keys = [asked.key for asked in there.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


@both
@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}, {"retry-after": "31"}])
def test_who_is_busy_for_too_long_is_not_waited_for(ask: Ask, headers: dict[str, str]) -> None:
    busy = answer(503, {"detail": "full"}, headers=headers)
    with daemon(busy) as there, pytest.raises(Refused, match="full"):
        ask(there.url, "start", "demo")


@both
def test_it_is_not_asked_again_for_ever(ask: Ask) -> None:
    busy = answer(429, {"detail": "full"}, headers=BUSY)
    with daemon(busy, busy, busy) as there, pytest.raises(Refused, match="full"):
        ask(there.url, "start", "demo", options={"retries": 2})
    assert len(there.asked) == 3


@both
def test_an_unready_daemon_is_an_answer(ask: Ask) -> None:
    with daemon(answer(503, {"status": "unready", "parts": {}}, headers=BUSY)) as there:
        assert ask(there.url, "ready")["status"] == "unready"


@both
def test_after_a_lost_connection_the_same_is_sent_again(ask: Ask) -> None:
    with daemon(LOST, answer(202, RUN)) as there:
        assert ask(there.url, "start", "demo") == RUN
    assert there.asked[0] == there.asked[1]


@both
def test_what_could_be_done_twice_is_not_sent_again(ask: Ask) -> None:
    with daemon(LOST, answer(202, {})) as there, pytest.raises(Unreachable, match="is not known"):
        ask(there.url, "deliver", "orders", {})
    assert len(there.asked) == 1


@both
def test_a_daemon_that_is_gone_after_a_lost_connection(ask: Ask) -> None:
    with daemon(LOST) as there, pytest.raises(Unreachable, match="no daemon at"):
        ask(there.url, "flow", "demo", options={"retries": 1})


@both
def test_no_daemon(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        url = f"http://127.0.0.1:{place.getsockname()[1]}"
    with pytest.raises(Unreachable, match=f"no daemon at {url}: start one with") as raised:
        ask(url, "flow", "demo")
    assert ("url= or" in str(raised.value), "--url or" in raised.value.shell) == (True, True)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    with pytest.raises(Unreachable, match="no daemon at"):
        ask(url, "stream")


@both
def test_no_answer_in_time(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable, match="did not answer in time"):
            ask(url, "flow", "demo", options={"timeout": 0.05})


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("localhost:8420", "it begins with http"),
        ("ftp://here", "it begins with http"),
        ("http://", "a host follows"),
        ("http://here:port", "Invalid port"),
        ("http://[::1", "Invalid port"),
        ("http://here..there", "label empty"),
    ],
)
def test_no_url(kind: Any, url: str, told: str) -> None:
    with pytest.raises(ClientError, match=told):
        kind(url)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_token_that_cannot_be_sent(kind: Any) -> None:
    with pytest.raises(ClientError, match="a token takes printable ASCII"):
        kind("http://127.0.0.1:1", token="\u201cquoted by a word processor\u201d")


@both
@pytest.mark.parametrize("key", ["\u00e9", "two\nlines"])
def test_a_key_that_cannot_be_sent(ask: Ask, key: str) -> None:
    with (
        daemon(answer(202, RUN)) as there,
        pytest.raises(ClientError, match="Idempotency-Key takes printable ASCII"),
    ):
        ask(there.url, "start", "demo", key=key)
    assert there.asked == []


@both
def test_what_the_environment_says(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPHAMMER_TOKEN", "secret")
    with daemon(answer(200, {"status": "ok"})) as there:
        monkeypatch.setenv("TRIPHAMMER_URL", there.url + "/")
        assert ask("", "live") == {"status": "ok"}
    assert there.asked[0].headers["authorization"] == "Bearer secret"


@both
def test_pages_are_fetched_as_they_are_needed(ask: Ask) -> None:
    pages = [
        answer(200, {"items": [1, 2], "next": "c1"}),
        answer(200, {"items": [3], "next": None}),
    ]
    with daemon(*pages) as there:
        assert ask(there.url, "runs", flow="a b", limit=2) == [1, 2, 3]
    assert [asked.line.split()[1] for asked in there.asked] == [
        "/api/v1/runs?flow=a+b&limit=2",
        "/api/v1/runs?flow=a+b&limit=2&cursor=c1",
    ]


def test_one_page() -> None:
    with daemon(answer(200, {"items": [1], "next": "c1"})) as there, Client(there.url) as client:
        assert client.runs().page() == {"items": [1], "next": "c1"}


@both
def test_what_is_large_comes_in_pieces(ask: Ask) -> None:
    with daemon(answer(200, text="abc")) as there:
        assert b"".join(ask(there.url, "artifact", "0" * 64)) == b"abc"
    with daemon(answer(404, {"detail": "none such"})) as there, pytest.raises(Refused):
        ask(there.url, "artifact", "0" * 64)


def told(kind: str, id: str, place: str, state: str = "") -> str:
    data = msgspec.json.encode({"kind": kind, "id": id, "flow": "f", "state": state}).decode()
    return f"event: {kind}\nid: {place}\ndata: {data}\n\n"


OPEN = "retry: 0\nid: a.0\n\n"


@both
def test_a_stream_goes_on_where_it_broke_off(ask: Ask) -> None:
    first = stream(OPEN + told("run", "run_1", "a.1") + "event: run\nid: a.2\ndata: {")
    second = stream("retry: 0\n\n" + told("run", "run_2", "a.2"))
    lost: list[str] = []
    found: list[News] = []

    def note(error: Unreachable, pause: float) -> None:
        lost.append(str(error))

    with (
        daemon(first, second, answer(404, {"detail": "gone"})) as there,
        pytest.raises(Refused, match="gone"),
    ):
        ask(there.url, "stream", lost=note, into=found)
    assert [news.id for news in found] == ["run_1", "run_2"]
    places = [asked.headers.get("last-event-id") for asked in there.asked]
    assert places == [None, "a.1", "a.2"]
    assert len(lost) == 2


@pytest.mark.parametrize("after", ["", "a.7"])
@both
def test_what_was_missed_is_told(ask: Ask, after: str) -> None:
    """A daemon that says no places, as an older one: whoever comes back may have missed some."""
    first, second = stream("retry: 0\n\n"), stream("retry: 0\n\n" + told("run", "run_2", ""))
    found: list[News] = []
    gone = answer(404, {"detail": "gone"})
    with daemon(first, second, gone) as there, pytest.raises(Refused):
        ask(there.url, "stream", after=after, into=found)
    assert there.asked[0].headers.get("last-event-id", "") == after
    assert [news.kind for news in found] == ([] if after else ["resync"]) + ["run"]


@both
def test_an_outage_that_lasts_ends_a_stream(ask: Ask) -> None:
    with daemon(stream("retry: 100\n\n")) as there, pytest.raises(Unreachable, match="no daemon"):
        ask(there.url, "stream", options={"outage": 0.15})


@both
def test_the_end_of_a_run_is_waited_for(ask: Ask) -> None:
    done = {"id": "run_1", "state": "failed"}
    answers = [
        answer(200, {"id": "run_1", "state": "running"}),
        stream(OPEN + told("task", "run_1", "a.1", "x running")),
        answer(200, {"id": "run_1", "state": "running"}),
        stream("retry: 0\n\n" + told("run", "run_1", "a.2", "failed")),
        answer(200, done),
    ]
    with daemon(*answers) as there:
        assert ask(there.url, "wait", "run_1") == done
    assert there.asked[3].headers["last-event-id"] == "a.1"


@both
def test_logs_go_on_until_the_run_has_ended(ask: Ask) -> None:
    answers = [
        answer(200, {"id": "run_1", "state": "running"}),
        stream(OPEN + told("task", "run_1", "a.1") + told("run", "run_1", "a.2", "succeeded")),
        answer(200, {"id": "run_1", "state": "running"}),
        answer(200, {"items": [{"seq": 4}], "next": 4}),
        answer(200, {"items": [{"seq": 5}], "next": None}),
        answer(200, {"id": "run_1", "state": "running"}),
        answer(200, {"items": [], "next": None}),
        answer(200, {"id": "run_1", "state": "succeeded"}),
        answer(200, {"items": [{"seq": 6}], "next": None}),
    ]
    with daemon(*answers) as there:
        found = ask(there.url, "logs", "run", follow=True)
    assert [line["seq"] for line in found] == [4, 5, 6]
    assert "after=5" in there.asked[-1].line


@both
def test_a_long_task_of_the_daemon_is_waited_for(ask: Ask) -> None:
    free = threading.Event()
    with ThreadPoolExecutor(1) as pool, daemon(answer(200, {"flows": 1}), wait=free.wait) as there:
        waiting = pool.submit(ask, there.url, "reload", options={"timeout": 0.05})
        with pytest.raises(TimeoutError):  # more than it waits for what takes no time
            waiting.result(timeout=0.2)
        free.set()
        assert waiting.result() == {"flows": 1}


def test_only_the_answer_of_a_long_task_is_waited_for_without_end() -> None:
    sent = request(CodeCalls.reload(), 5)
    assert sent["timeout"] == httpx.Timeout(5, read=None)
