"""One HTTP connection: uvicorn's, with limits to what its client may take, and how slowly."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from triphammer.config.sizes import format_size
from triphammer.service.web.connections import Connections, Member
from triphammer.service.web.headers import DEFAULTS
from triphammer.service.web.problems import problem

HEADERS = 100
"""Headers of one request."""
PIECE = 16_384
"""Bytes that are parsed between two looks at what has become of them."""
PIPELINED = 16
"""Requests that may have come behind the one that is being answered."""
BODY_RATE = 1000
"""So many bytes of a body let its client have another second."""
UNREAD_SECONDS = 60.0
"""How long a client may leave an answer unread."""
LINGER_SECONDS = 5.0
"""How long a client that was refused may go on sending: so it comes to read why."""
NO_ROOM = "there is no room for so many bodies at once; try again later"
FRAMING = frozenset({b"content-length", b"transfer-encoding"})

Phase = Literal["idle", "head", "body", "rest", "unread", "leaving", "busy"]
"""What a connection waits for: a request; the rest of its head; the rest of its body; the same
though the answer is given; its answer to be read; its own end. Or for nothing: we have to do."""


class _Refused(Exception):
    """The request gets an error for an answer, and its connection ends."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Connection(HttpToolsProtocol):
    """uvicorn's connection, made to refuse what is too much and to know what it waits for.

    It has no timers: `Connections` ends it when its client has had its time.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        connections: Connections,
        loop: asyncio.AbstractEventLoop,
        before: Member | None = None,
    ) -> None:
        """`before` is what was looked after until this connection was made."""
        super().__init__(config, server_state, {}, loop)
        self._all = connections
        self._limits = connections.limits
        self._before = before
        self.headers = []
        self._phase: Phase = "busy"
        self._running: RequestResponseCycle | None = None
        self._in_head = False
        self._loose = 0
        self._deaf = False
        self._resuming = False
        self._body_since = 0.0
        self.held = 0
        self.known = False

    # --- the transport ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._before is not None:
            self._all.forget(self._before)
        if self._all.admit(self):
            self._enter("idle", self._limits.head_timeout)
        else:
            self._say(503, "too many connections are open; try again later")
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = "leaving"
        self._all.forget(self)
        self._disconnect()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if len(data) <= PIECE:
            self._receive(data)
        else:  # it may be ten thousand headers at once
            for at in range(0, len(data), PIECE):
                self._receive(data[at : at + PIECE])
        self._look()

    def _receive(self, data: bytes) -> None:
        if self._deaf:
            return
        self._loose += len(data)
        try:
            self._feed(data)
            if self._loose > self._limits.head or len(self.headers) > HEADERS:
                self._refuse_loose()
        except _Refused as refused:
            self._refuse(refused.status, str(refused))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look()

    def shutdown(self) -> None:
        """The daemon stops: what is being answered is, what has not come as a whole is not."""
        if self._phase in ("head", "body"):
            self._say(503, "the daemon is stopping; try again later")
            self._close()
        elif (whole := self._newest_whole()) is not None:
            whole.keep_alive = False
            self._deaf = True
        else:
            self._close()

    # --- the parser ---------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        try:
            while data:
                data = self._parse(data)
        except httptools.HttpParserCallbackError as error:
            raise _reason(error) from error
        except httptools.HttpParserError as error:
            raise _Refused(400, f"this is not well-formed HTTP: {error}") from error

    def _parse(self, data: bytes) -> bytes:
        """Parse up to the end of a head that offers another protocol; what is left."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline_upgrade()
            return data[offer.args[0] :]
        return b""

    def _decline_upgrade(self) -> None:
        """Go on in HTTP/1.1 with a request that offers another protocol.

        The parser takes its body for the next request then: the event would be stored without
        its data, and what a proxy took for a body be obeyed. A new parser is told of the body.
        """
        headers = self.scope["headers"]
        framing = [name + b": " + value for name, value in headers if name in FRAMING]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._resuming = True
        self.parser.feed_data(b"\r\n".join([b"POST / HTTP/1.1", *framing, b"", b""]))
        self._resuming = False

    def on_message_begin(self) -> None:
        if not self._resuming:
            self._in_head = True
            super().on_message_begin()

    def on_headers_complete(self) -> None:
        if not self._in_head or self._deaf:
            return
        self._refuse_large_head(sum([len(name) + len(value) + 4 for name, value in self.headers]))
        if len(self.pipeline) >= PIPELINED:
            raise _Refused(429, f"more than {PIPELINED} requests wait for their answers")
        self._in_head = False
        self._loose = 0
        super().on_headers_complete()
        # What comes behind a body (trailers) must not become the request's own headers.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        if self._deaf or self.cycle.response_complete:
            return
        if not self._all.hold(self, len(body)):
            raise _Refused(503, NO_ROOM)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._loose = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()
            self.cycle.more_body = False  # also if it is answered already

    def _refuse_large_head(self, headers: int) -> None:
        most = self._limits.head
        if len(self.url) > most:
            raise _Refused(414, f"the URL is longer than {format_size(most)}")
        if len(self.url) + headers > most:
            raise _Refused(431, f"the head is larger than {format_size(most)}: see [limits] head")
        if len(self.headers) > HEADERS:
            raise _Refused(431, f"the request has more than {HEADERS} headers")

    def _refuse_loose(self) -> None:
        """Much has come that is neither a whole head nor of a body."""
        if self._in_head:
            self._refuse_large_head(self._loose)
        raise _Refused(400, "too much stands between the parts of the body")

    # --- answers ------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self.known = True
        self._all.release(self)
        if self.transport.is_closing():
            self._leave()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self._look()

    def _newest_whole(self) -> RequestResponseCycle | None:
        """The newest request, if it has come as a whole and is not answered yet."""
        newest = self.pipeline[0][0] if self.pipeline else self._running
        whole = newest and not newest.more_body and not newest.response_complete
        return newest if whole else None

    def _refuse(self, status: int, detail: str) -> None:
        """Answer in the place of the application and close; what came before is answered first."""
        self._deaf = True
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        if (whole := self._newest_whole()) is not None:
            whole.keep_alive = False
            return
        self._say(status, detail)
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self._leave()

    def _say(self, status: int, detail: str) -> None:
        """Write a problem document as an answer, if none has begun."""
        self._all.refused[str(status)] += 1
        running = self._running
        if running and running.response_started and not running.response_complete:
            self.transport.abort()
            return
        headers = {"connection": "close", **({"retry-after": "1"} if status == 503 else {})}
        answer = problem(status, detail, headers=headers)
        lines = [*self.server_state.default_headers, *answer.raw_headers, *DEFAULTS.items()]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + bytes(answer.body))

    def _disconnect(self) -> None:
        """Tell the application that its client is gone."""
        self.pipeline.clear()
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()

    # --- time and room ------------------------------------------------------------------------

    def _look(self) -> None:
        """Say what the connection waits for, now that something has changed."""
        running = self._running
        if self._phase == "leaving":
            return
        if running is not None and not running.response_complete:
            if self.flow.write_paused:
                self._enter("unread", UNREAD_SECONDS)
            elif running.more_body and running is self.cycle:
                self._wait_for_body()
            else:
                self._phase = "busy"
                self._all.settle(self)
        elif self._in_head:
            self._enter("head", self._limits.head_timeout)
        elif running is not None and self.cycle.more_body:
            self._enter("rest", LINGER_SECONDS)
        else:
            self._enter("idle", self._limits.keep_alive)

    def _enter(self, phase: Phase, seconds: float) -> None:
        if self._phase != phase:
            self._phase = phase
            self._all.wait(self, seconds)

    def _wait_for_body(self) -> None:
        """The longer the more has come: a slow client is served, one that trickles is not."""
        now = self._all.now
        if self._phase != "body":
            self._phase = "body"
            self._body_since = now
        patience = self._limits.body_timeout
        earned = patience + self.held / BODY_RATE - (now - self._body_since)
        self._all.wait(self, min(patience, earned))

    def give_up(self) -> None:
        """End it: its client has had its time."""
        if self._phase == "head":
            self._refuse(408, "the head of the request did not come in time")
        elif self._phase == "body" and self.flow.read_paused:
            self._all.wait(self, self._limits.body_timeout)  # it is us who did not read
        elif self._phase == "body":
            self._refuse(408, "the body of the request did not come in time")
        elif self._phase == "unread" or self.transport.is_closing():
            self.transport.abort()
        else:
            self._close()

    def evict(self) -> None:
        """End it at once: another one needs its place."""
        if self._phase in ("head", "body"):
            self._say(503, "too many connections are open; try again later")
            self._close()
        elif self._phase == "idle":
            self._all.refused["closed"] += 1
            self._close()
        else:
            self.transport.abort()

    def shed(self) -> None:
        """Refuse the body that is coming: there is no room for it."""
        if self._phase == "body":
            self._refuse(503, NO_ROOM)
        else:
            self.transport.abort()

    def _close(self) -> None:
        self.transport.close()
        self._leave()

    def _leave(self) -> None:
        """It is as good as closed; if its client does not let it go, it is cut off."""
        self._deaf = True
        self.headers = []
        self._disconnect()
        self._all.release(self)
        self._phase = "leaving"
        self._all.wait(self, LINGER_SECONDS)


def _reason(error: httptools.HttpParserCallbackError) -> Exception:
    """Why a callback of ours ended the parsing."""
    cause = error.__context__
    if isinstance(cause, _Refused):
        return cause
    if isinstance(cause, UnicodeDecodeError | httptools.HttpParserInvalidURLError):
        return _Refused(400, "this is no well-formed request target")
    return error
