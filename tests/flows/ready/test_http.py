"""`http`: against a real server."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest

from tests.contracts.executor_cases import KINDS, at_work, attempt
from tests.support.receiver import Answer, Receiver, open_receiver
from triphammer import http

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ended(*args: Any, number: int = 1, **more: Any) -> tuple[Any, str]:
    """The result or None, and the error's text."""
    one = attempt(lambda: http.fn(*args, **more), number=number)
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        result = await bench.result(one.id)
    value = None if result.value is None else msgspec.json.decode(result.value.body)
    return value, "" if result.error is None else result.error.message


def answering(receiver: Receiver, answer: Answer) -> None:
    receiver.answers.append(answer)


async def test_a_request_and_its_answer() -> None:
    async with open_receiver() as receiver:
        answering(receiver, Answer(201, {"content-type": "application/json"}, b'{"id": 7}'))
        url = f"{receiver.url}/orders"
        value, _ = await ended("post", url, json={"a": 1}, headers={"x-by": "me"})
        sent = receiver.deliveries[0]
    assert (value["status"], value["json"], value["text"]) == (201, {"id": 7}, '{"id": 7}')
    assert value["headers"]["content-type"] == "application/json"
    assert (sent.method, sent.path, sent.body) == ("POST", "/orders", b'{"a":1}')
    assert sent.headers["x-by"] == "me"


async def test_every_attempt_has_the_same_idempotency_key() -> None:
    async with open_receiver() as receiver:
        for number in (1, 2):
            await ended("POST", receiver.url, number=number)
        keys = {sent.headers["idempotency-key"] for sent in receiver.deliveries}
    assert len(keys) == 1


async def test_an_answer_that_is_no_success() -> None:
    async with open_receiver() as receiver:
        answering(receiver, Answer(500, body=b"out of order"))
        value, error = await ended("GET", receiver.url)
        assert value is None
        assert error == f"GET {receiver.url} answered 500: out of order"
        answering(receiver, Answer(404))
        value, error = await ended("GET", receiver.url, ok=(200, 404))
        assert (value["status"], value["json"]) == (404, None)
        answering(receiver, Answer(302, {"location": "/elsewhere"}))
        _, error = await ended("GET", receiver.url)
        assert "answered 302" in error


async def test_nobody_there() -> None:
    async with open_receiver() as receiver:
        url = receiver.url
    _, error = await ended("GET", url)
    assert error.startswith(f"GET {url} failed: ")


async def test_a_cancel_ends_the_request() -> None:
    async with open_receiver() as receiver:
        answering(receiver, Answer(hold=anyio.Event()))
        one = attempt(lambda: http.fn("GET", receiver.url))
        async with at_work(KINDS["async"]) as bench:
            bench.executor.submit([one])
            await receiver.wait_for(1)
            bench.executor.cancel(one.id)
            assert (await bench.result(one.id)).cancelled


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://a b"])
async def test_what_is_no_url(url: str) -> None:
    value, error = await ended("GET", url)
    assert value is None
    assert "http" in error
