"""`http`: a request, and its answer as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from triphammer.flows.context import TaskContext, context
from triphammer.flows.errors import NotInTask, RequestFailed, ValueMisfit
from triphammer.flows.task import task

if TYPE_CHECKING:
    import httpx

SECONDS = 30.0
LARGEST = 10_000_000
"""Bytes of an answer; more is a mistake, or work for a stream of the task's own."""
SHOWN = 300


@task(name="http")
async def http(
    method: str,
    url: str,
    *,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    ok: Sequence[int] = (),
) -> dict[str, Any]:
    """Send a request: `http("POST", url, json={...}, headers={"authorization": secret("T")})`.

    The result is `{"status", "headers", "json", "text"}`; `json` is None where the body is
    none. Without `ok=` every 2xx is a success. `Idempotency-Key` is the same for every attempt
    of the task. Redirects are not followed. Raises `RequestFailed`, `ValueMisfit` for a URL
    that is none.
    """
    about = context()
    _check(about, url)
    async with _client() as client:
        status, given, body = await _sent(client, about, method, url, json, headers)
    text = body.decode("utf-8", "replace")
    if status not in ok if ok else not 200 <= status < 300:
        said = f": {text[:SHOWN]}" if text.strip() else ""
        raise RequestFailed(f"{method.upper()} {url} answered {status}{said}")
    return {"status": status, "headers": given, "json": _json(body), "text": text}


def _check(about: TaskContext, url: str) -> None:
    if about.contained:
        raise NotInTask(
            f"{about.task} would send a request, and nothing leaves the testing kit: give "
            "simulate(..., overrides={http: a function in its place})"
        )
    if not url.startswith(("http://", "https://")):
        raise ValueMisfit(f"http() got the URL {url!r}: it must begin with http:// or https://")


def _client() -> httpx.AsyncClient:
    # What a worker imports must not load httpx; a task that sends does.
    import httpx

    return httpx.AsyncClient(timeout=SECONDS)


async def _sent(
    client: httpx.AsyncClient,
    about: TaskContext,
    method: str,
    url: str,
    json: Any,
    headers: Mapping[str, str] | None,
) -> tuple[int, dict[str, str], bytes]:
    import httpx

    named = {"Idempotency-Key": about.key, **(headers or {})}
    body = None if json is None else msgspec.json.encode(json)
    if body is not None:
        named = {"Content-Type": "application/json", **named}
    try:
        async with client.stream(method.upper(), url, content=body, headers=named) as answer:
            return answer.status_code, dict(answer.headers), await _body(answer, url)
    except httpx.InvalidURL as error:
        raise ValueMisfit(f"http() got the URL {url!r}: {error}") from error
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise RequestFailed(f"{method.upper()} {url} failed: {why}") from error


async def _body(answer: httpx.Response, url: str) -> bytes:
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > LARGEST:
            raise RequestFailed(f"the answer of {url} is larger than {LARGEST} bytes")
    return body


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
