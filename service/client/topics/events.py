"""Events: posted, listed, looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from triphammer.config.ids import new_id
from triphammer.service.client.calls import Given, route
from triphammer.service.client.listing import Rows, listing
from triphammer.service.client.words import When, moment

if TYPE_CHECKING:
    from triphammer.service.web import models

SOURCE = "triphammer/client"
BATCH = "application/cloudevents-batch+json"


class EventCalls:
    """About events."""

    @listing("/api/v1/events")
    def events(
        self,
        *,
        type: str | None = None,
        source: str | None = None,
        subject: str | None = None,
        q: str | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Rows[models.Events, models.Event]:
        """Events, newest first; `subject` is its beginning, `q` a text in the data. `limit` is how
        many a page has; the pages of a search may have fewer."""
        return Rows(
            query={
                "type": type,
                "source": source,
                "subject": subject,
                "q": q,
                "since": moment(since),
                "until": moment(until),
                "limit": limit,
                "cursor": cursor,
            }
        )

    @route("GET", "/api/v1/events/{key}")
    def event(self, key: str) -> Given[models.EventInFull]:
        """One event with what became of it for each subscription; the key may be shortened."""
        return Given(path={"key": key})

    @route("POST", "/api/v1/events")
    def emit(
        self,
        type: str,
        data: Any = None,
        *,
        subject: str | None = None,
        source: str = SOURCE,
        id: str | None = None,
        time: When | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Given[models.Accepted]:
        """Post an event; what a second one of the same `source` and `id` tells is that it came
        before. Returns once it is stored."""
        event = {
            **(extensions or {}),
            "specversion": "1.0",
            "type": type,
            "source": source,
            "id": id or new_id("evt"),
            "data": data,
        }
        more = {"subject": subject, "time": moment(time)}
        event |= {name: value for name, value in more.items() if value is not None}
        return Given(headers=_AS_BATCH, json=[event], pick=lambda answer: answer["events"][0])

    @route("POST", "/api/v1/events")
    def post_events(self, events: Sequence[Mapping[str, Any]]) -> Given[list[models.Accepted]]:
        """Post CloudEvents (in their JSON format) in one transaction: all of them or none."""
        return Given(
            headers=_AS_BATCH, json=[dict(event) for event in events], pick=itemgetter("events")
        )

    @route("POST", "/hooks/{path}", repeatable=False)
    def deliver(
        self,
        path: str,
        data: Any = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Given[models.Accepted]:
        """Deliver to a webhook, as its sender would: JSON, or `content` with headers."""
        body = msgspec.json.encode(data) if content is None else content
        kind = {} if content is not None else {"Content-Type": "application/json"}
        return Given(path={"path": path}, headers={**kind, **(headers or {})}, content=body)


_AS_BATCH = {"Content-Type": BATCH}
