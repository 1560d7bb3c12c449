"""Requests as they are sent, and answers as they are meant."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import msgspec

from triphammer.config.address import project_url
from triphammer.config.ids import new_id
from triphammer.service.client.calls import Call
from triphammer.service.client.errors import ClientError, Refused

T = TypeVar("T")

TIMEOUT = 30.0
"""Seconds for an answer."""


def address(url: str | None) -> str:
    """Where the daemon is: `url`, or `TRIPHAMMER_URL`, or that of the working directory's project.
    Raises `ClientError`."""
    here = url or os.environ.get("TRIPHAMMER_URL") or project_url(Path.cwd(), os.environ)
    found = here.rstrip("/")
    try:
        place = httpx.URL(found)
        place.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ClientError(f"{found!r} is no URL of a daemon: {error}") from None
    if place.scheme not in ("http", "https") or not place.host:
        raise ClientError(
            f"{found!r} is no URL of a daemon: it begins with http:// or https://, and a host "
            "follows"
        )
    return found


def options(url: str, token: str | None, by: str, timeout: float) -> dict[str, Any]:
    """How httpx is set up: to talk to one daemon, and not by the proxies of the web."""
    shown = os.environ.get("TRIPHAMMER_TOKEN", "") if token is None else token
    headers = {"Authorization": f"Bearer {_plain('a token', shown)}"} if shown else {}
    if by:
        headers["Triphammer-By"] = by.encode("ascii", "replace").decode()[:200]
    return {
        "base_url": url,
        "timeout": timeout,
        "headers": headers,
        "verify": _trusted(),
        "trust_env": False,
    }


def _trusted() -> ssl.SSLContext | bool:
    """Whose certificates are believed: those that the variable OpenSSL knows names, if any."""
    file = os.environ.get("SSL_CERT_FILE")
    if not file:
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise ClientError(f"SSL_CERT_FILE names {file}: {error.strerror or error}") from None


def request(call: Call[Any], timeout: float) -> dict[str, Any]:
    """The arguments of httpx for a call. The key of one that changes something is made here, so
    that the same goes with it however often it is sent."""
    given = call.given
    headers = {name: value for name, value in given.headers.items() if value is not None}
    sent: dict[str, Any] = {"method": call.method, "url": call.path, "params": call.query}
    if call.method != "GET":
        headers["Idempotency-Key"] = given.key or new_id("msg")
    if given.content is not None:
        sent["content"] = given.content
    elif given.json is not None:
        sent["content"] = msgspec.json.encode(given.json)
        headers.setdefault("Content-Type", "application/json")
    limit = httpx.Timeout(timeout, read=None) if given.patient else timeout
    return {**sent, "headers": {n: _plain(n, v) for n, v in headers.items()}, "timeout": limit}


def _plain(name: str, value: str) -> str:
    """The value of a header, as it can be sent. Raises `ClientError`."""
    if value.isascii() and value.isprintable():
        return value
    raise ClientError(f"{name} takes printable ASCII only, and no line breaks: it was mistyped")


def meant(call: Call[T], status: int, headers: Mapping[str, str], body: bytes) -> T:
    """What the answer to a call says. Raises `Refused`."""
    if status not in call.given.fine and not 200 <= status < 300:
        raise refused(status, headers, body)
    answer: Any = body
    if call.reads == "text":
        answer = body.decode("utf-8", "replace")
    elif call.reads == "json":
        answer = _decoded(status, body)
    return cast("T", answer) if call.given.pick is None else call.given.pick(answer)


def _decoded(status: int, body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Refused(status, "No JSON", f"what answers is no triphammer: {_start(body)}") from None


def refused(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """The problem that an answer is."""
    told: Any = None
    if "json" in headers.get("content-type", ""):
        try:
            told = msgspec.json.decode(body)
        except msgspec.DecodeError:
            told = None
    if isinstance(told, dict) and "detail" in told:
        found = cast("dict[str, Any]", told)
        title = str(found.get("title", ""))
        return Refused(status, title, str(found["detail"]), found.get("errors") or ())
    return Refused(status, "", f"HTTP {status}: {_start(body)}")


def _start(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")
