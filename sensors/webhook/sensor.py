"""The webhook sensor: judges deliveries, makes each good one an event, waits for the commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast

import anyio
from anyio.abc import TaskStatus

from triphammer.config.ids import new_id
from triphammer.config.source import SensorSpec
from triphammer.sensors.bodies import BINARY, Payload, media_type
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Accepted, Emission, SensorContext
from triphammer.sensors.errors import Rejected, SensorError, SourceError
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers
from triphammer.sensors.webhook.delivery import delivery_id
from triphammer.sensors.webhook.forms import decode_body
from triphammer.sensors.webhook.request import Challenge, HookRequest
from triphammer.sensors.webhook.schemes import SHARED_HEADERS, Keys, judge, keys_of
from triphammer.sensors.webhook.source import TYPE, event_source
from triphammer.sensors.webhook.verify import Verify

_PRIVATE = frozenset({"authorization", "proxy-authorization", "cookie", *SHARED_HEADERS})
"""Headers that carry credentials: they are not kept in events."""


class WebhookSensor:
    """Takes the deliveries to one path. It runs only to be reported: HTTP calls `receive`."""

    kind: ClassVar[str] = "webhook"

    def __init__(self, context: SensorContext) -> None:
        self._context = context
        self._path: str = context.spec.options["path"]
        verify = context.spec.options["verify"]
        self._verify = None if verify is None else Verify.of(verify)
        self._keys: Keys | None = None

    @classmethod
    def merge(cls, specs: Sequence[SensorSpec]) -> SensorSpec:
        """The one sensor of a path. Raises SourceError when its flows verify differently."""
        first = specs[0]
        for other in specs[1:]:
            if other.options["verify"] != first.options["verify"]:
                raise SourceError(
                    f"flows that share the webhook path {first.name!r} must name the same"
                    f" verify: found {_named(first)} and {_named(other)}"
                )
        return first

    @classmethod
    def build(cls, context: SensorContext) -> Self:
        return cls(context)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Report whether the secrets are there; then wait to be cancelled."""
        try:
            self._load_keys()
        except SensorError as error:
            self._context.ready(str(error))
        task_status.started()
        await anyio.sleep_forever()

    async def receive(self, request: HookRequest) -> Accepted | Challenge:
        """Make a delivery durable; returns after the commit.

        Raises `Rejected` (400 body, 401 signature, 415 encoding, 503 secret missing) and
        `Overloaded` / `StoreUnavailable` under back-pressure. Nothing is stored then.
        """
        self._judge(request)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Rejected(415, "compressed bodies are not taken; send without Content-Encoding")
        content_type = request.headers.get("content-type", BINARY)
        payload = decode_body(request.body, media_type(content_type))
        if (challenge := self._challenge(payload.data)) is not None:
            return challenge
        event = self._event(request, content_type, payload)
        return (await self._context.emit(Emission(events=[event]), wait=False))[0]

    def _judge(self, request: HookRequest) -> None:
        if self._verify is None:
            return
        try:
            keys = self._load_keys()
        except SensorError as error:
            # Never taken unverified: the provider will come again.
            raise Rejected(503, f"webhook {self._path!r} cannot verify: {error}") from error
        judge(request, keys, self._verify)

    def _load_keys(self) -> Keys:
        """The keys, read once; a secret that was missing at the start is looked for again."""
        if self._keys is None:
            secrets, verify = self._context.secrets, self._verify
            self._keys = [] if verify is None else keys_of(verify, secrets)
            self._context.ready(None)
        return self._keys

    def _challenge(self, data: Any) -> Challenge | None:
        """Slack's test of the address. Source: Slack API, "url_verification event"."""
        if self._verify is None or self._verify.scheme != "slack" or not isinstance(data, dict):
            return None
        members = cast(dict[str, Any], data)
        if members.get("type") != "url_verification":
            return None
        return Challenge(str(members.get("challenge", "")))

    def _event(self, request: HookRequest, content_type: str, payload: Payload) -> Event:
        scheme = None if self._verify is None else self._verify.scheme
        return new_event(
            id=delivery_id(scheme, request.headers, payload.data) or new_id("evt"),
            source=event_source(self._path),
            type=TYPE,
            subject=self._path,
            data=payload.data,
            raw=payload.raw,
            headers=self._kept(request.headers),
            extensions={"query": request.query} if request.query else {},
            content_type=content_type,
            now=request.received_at,
        )

    def _kept(self, headers: Headers) -> Headers:
        secret = self._verify.header if self._verify is not None else None
        return headers.without(_PRIVATE if secret is None else _PRIVATE | {secret})


def _named(spec: SensorSpec) -> str:
    verify = spec.options["verify"]
    return "no verify" if verify is None else f"verify={Verify.of(verify)}"
