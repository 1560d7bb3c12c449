"""Talks to the running daemon, with errors that say what to do."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from triphammer.service.errors import ServiceError

ENDED = ("succeeded", "failed", "cancelled", "superseded")
"""As the API names them: the store's own list would bring the whole store along."""
TIMEOUT = 30.0
"""Seconds for an answer."""
LOGS_LATER = 0.3
"""Seconds after the end of a run by which all its lines are stored."""


class DaemonError(ServiceError):
    """The daemon could not be reached, or refused; the message is its own."""


class DaemonClient:
    """A connection to one daemon for the length of a command."""

    def __init__(self, url: str, timeout: float = TIMEOUT, token: str = "") -> None:
        self._url = url.rstrip("/")
        if not self._url.startswith(("http://", "https://")):
            raise DaemonError(f"--url {url!r} is no URL: it begins with http:// or https://")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self._url, timeout=timeout, headers=headers, verify=_trusted(), trust_env=False
        )

    def __enter__(self) -> DaemonClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """The JSON answer to a GET; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._send("GET", path, params=given).json()

    def content(self, path: str) -> bytes:
        """The answer to a GET of what is no JSON."""
        return self._send("GET", path).content

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        patient: bool = False,
    ) -> Any:
        """The JSON answer to a POST; a `patient` one waits for however much there is to do."""
        given: dict[str, Any] = {"timeout": None} if patient else {}
        return self._send("POST", path, json=json, headers=dict(headers or {}), **given).json()

    def patch(self, path: str, *, json: Any, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a PATCH."""
        return self._send("PATCH", path, json=json, headers=dict(headers or {})).json()

    def put(self, path: str, *, json: Any, **params: Any) -> Any:
        """The JSON answer to a PUT."""
        return self._send("PUT", path, json=json, params=params).json()

    def delete(self, path: str, **params: Any) -> Any:
        """The JSON answer to a DELETE."""
        return self._send("DELETE", path, params=params).json()

    @contextmanager
    def stream(self, path: str, **params: str) -> Generator[Iterator[str], None, None]:
        """The lines of a stream of server-sent events, open once the first has come."""
        with self._http.stream("GET", path, params=params, timeout=None) as answer:
            if not answer.is_success:
                answer.read()
                raise DaemonError(_detail(answer))
            lines = answer.iter_lines()
            next(lines, "")
            yield lines

    def follow(self, run: str) -> Iterator[bool]:
        """Yields when a run may have logged more: False while it goes on, True at its end."""
        with self.stream("/api/v1/stream", run=run) as lines:
            ended = False
            while not ended:
                ended = self.get(f"/api/v1/runs/{run}")["state"] in ENDED
                if ended:  # the last lines are stored a moment after the end
                    time.sleep(LOGS_LATER)
                yield ended
                if not ended and not any(line.startswith("data:") for line in lines):
                    return

    def wait_for_end(self, run: str) -> Any:
        """The run once it has ended: told by the live stream, not asked again and again."""
        while True:
            with self.stream("/api/v1/stream", run=run) as lines:
                # Asked after the stream is open: an end between the two cannot be missed.
                state = self.get(f"/api/v1/runs/{run}")
                if state["state"] in ENDED:
                    return state
                # The stream may break off: then it is opened again.
                with suppress(httpx.HTTPError):
                    _wait_for_news(lines)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise DaemonError(
                    f"the certificate of {self._url} is not trusted ({error}): name the file of "
                    "who made it in the variable SSL_CERT_FILE"
                ) from None
            raise DaemonError(
                f"no daemon at {self._url}: start one with `triphammer serve`, "
                "or say where it is with --url or TRIPHAMMER_URL"
            ) from None
        except httpx.HTTPError as error:
            raise DaemonError(f"the daemon at {self._url} did not answer: {error!r}") from None
        if answer.is_success:
            return answer
        raise DaemonError(_detail(answer))


def _trusted() -> ssl.SSLContext | bool:
    """Whose certificates are believed: those that the variable OpenSSL knows names, if any."""
    file = os.environ.get("SSL_CERT_FILE")
    if not file:
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise DaemonError(f"SSL_CERT_FILE names {file}: {error.strerror or error}") from None


def _detail(answer: httpx.Response) -> str:
    try:
        detail = str(answer.json()["detail"])
        return f"{detail}; say it with TRIPHAMMER_TOKEN" if answer.status_code == 401 else detail
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}: {answer.text[:200]}"


def _wait_for_news(lines: Iterator[str]) -> None:
    for line in lines:
        if line.startswith("data:") and any(f'"{state}"' in line for state in ENDED):
            return
