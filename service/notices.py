"""What is sent when a flow fails, is late, and works again: messages of the outbox.

An incident begins with the first failed run of a flow and ends with the first that succeeds. The
run that began it stands in the flow's durable state, which moves with the end of each run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from triphammer.config.settings import NotifySettings
from triphammer.flows.engine.values import RunLate
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import OutMessage, RunChange
from triphammer.flows.notify import Channel, Incident
from triphammer.sensors.times import rfc3339, utc
from triphammer.service.dispatcher.flow_state import FlowStates
from triphammer.service.notice_texts import Notice, as_json, as_mail, as_slack, subject

KEY = "$incident"
"""Under such a key a flow's state keeps the run that began the incident that goes on."""


class Notices:
    """Makes the messages. `live` are the flows that serve now."""

    def __init__(self, settings: NotifySettings, states: FlowStates) -> None:
        self._defaults = tuple(_defaults(settings))
        self._url = settings.url
        self._states = states
        self._began: dict[str, str | None] = {}
        """By flow the run that began its incident, as posted: not all of it is committed yet."""

    def with_end(self, change: RunChange, flow: FlowDef | None, now: int) -> RunChange:
        """`change`, the end of a run perhaps, with what it is to be told of."""
        if change.state not in ("succeeded", "failed"):
            return change
        channels = self._channels(flow)
        if not channels:
            return change
        began = self._incident(change.flow)
        if change.state == "failed":
            after = began or change.run
            told = [c for c in channels if began is None or c.repeat]
            incident: Incident = "failed"
        elif began is None:
            return change
        else:
            after, told, incident = None, list(channels), "recovered"
        self._began[change.flow] = after
        notice = Notice(
            incident=incident,
            flow=change.flow,
            run=change.run,
            at=rfc3339(utc(change.finished_at or now)),
            error=None if change.error is None else f"{change.error.type}: {change.error.message}",
            failed_tasks=change.failed_tasks,
            since=began if incident == "recovered" else None,
            url=self._link(change.run),
        )
        return msgspec.structs.replace(
            change,
            outbox=(*change.outbox, *_messages(told, notice, f"{change.run}:{change.epoch}")),
            state_writes=self._writes(change, began, after),
        )

    def of_late(self, late: RunLate, flow: FlowDef | None, now: int) -> RunChange:
        """What is told of a run that is late; the same messages each time."""
        notice = Notice(
            incident="late",
            flow=late.flow,
            run=late.run,
            at=rfc3339(utc(now)),
            error=f"it has not ended within {late.deadline:g} s",
            url=self._link(late.run),
        )
        messages = tuple(_messages(self._channels(flow), notice, late.run))
        return RunChange(run=late.run, flow=late.flow, epoch=late.epoch, outbox=messages)

    def forget(self, flow: str) -> None:
        """An end of a run was not stored: what is stored counts."""
        self._began.pop(flow, None)

    def _channels(self, flow: FlowDef | None) -> Sequence[Channel]:
        if flow is None or flow.notify is None:
            return self._defaults
        return flow.notify

    def _incident(self, flow: str) -> str | None:
        if flow not in self._began:
            stored = self._states.of(flow).get(KEY)
            self._began[flow] = None if stored is None else msgspec.json.decode(stored, type=str)
        return self._began[flow]

    def _writes(
        self, change: RunChange, before: str | None, after: str | None
    ) -> Mapping[str, bytes | None]:
        if before == after:
            return change.state_writes
        return {**change.state_writes, KEY: None if after is None else msgspec.json.encode(after)}

    def _link(self, run: str) -> str | None:
        return None if self._url is None else f"{self._url.rstrip('/')}/runs/{run}"


def _defaults(settings: NotifySettings) -> Iterator[Channel]:
    if settings.slack is not None:
        yield Channel(kind="slack", targets=(settings.slack,), on=settings.on)
    if settings.webhook is not None:
        yield Channel(kind="webhook", targets=(settings.webhook,), on=settings.on)
    if settings.email:
        yield Channel(
            kind="email",
            targets=settings.email,
            on=settings.on,
            connection=settings.connection,
        )


def _messages(channels: Sequence[Channel], notice: Notice, what: str) -> Iterator[OutMessage]:
    for channel in channels:
        if notice.incident in channel.on:
            for target in channel.targets:
                yield _message(channel, target, notice, what)


def _message(channel: Channel, target: str, notice: Notice, what: str) -> OutMessage:
    # Made of what it is about and the target: however often it is made, it is sent once. A run
    # that is retried is in another epoch, and its end another one.
    name = f"{what}:{notice.incident}:{channel.kind}:{channel.connection}:{target}"
    id = f"msg_{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    if channel.kind == "email":
        return OutMessage(
            id=id,
            kind="email",
            target=target,
            body=as_mail(notice).encode(),
            headers={"Subject": subject(notice)},
            content_type="text/plain; charset=utf-8",
            connection=channel.connection,
        )
    body = as_slack(notice) if channel.kind == "slack" else as_json(notice)
    return OutMessage(id=id, kind="webhook", target=target, body=body, secret=channel.secret)
