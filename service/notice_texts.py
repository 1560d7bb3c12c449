"""The words of notices: for a chat in Slack's format, as mail, as JSON."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from triphammer.flows.notify import Incident

LONGEST = 1000
"""Characters of an error."""
_WORDS = {"failed": "failed", "late": "is late", "recovered": "works again"}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened to a flow. `since` is the run that began an incident which is over."""

    incident: Incident
    flow: str
    run: str
    at: str
    error: str | None = None
    failed_tasks: tuple[str, ...] = ()
    since: str | None = None
    url: str | None = None


def subject(notice: Notice) -> str:
    """One line, such as `orders failed`."""
    return f"{notice.flow} {_WORDS[notice.incident]}"


def as_json(notice: Notice) -> bytes:
    """All of it, for programs."""
    return msgspec.json.encode(notice)


def as_mail(notice: Notice) -> str:
    """The text of a mail."""
    where = f"run {notice.run}, {notice.at}"
    lines = [subject(notice), *_details(notice), where, *([notice.url] if notice.url else [])]
    return "\r\n".join(line for text in lines for line in text.splitlines()) + "\r\n"


def as_slack(notice: Notice) -> bytes:
    """The payload of an incoming webhook. Of the text `& < >` are escaped, as Slack asks."""
    run = notice.run if notice.url is None else f"<{notice.url}|{notice.run}>"
    lines = [f"*{_escaped(subject(notice))}*", *map(_escaped, _details(notice)), run]
    return msgspec.json.encode({"text": "\n".join(lines)})


def _details(notice: Notice) -> Iterator[str]:
    if notice.error is not None:
        yield notice.error[:LONGEST]
    if notice.failed_tasks:
        yield f"failed: {', '.join(notice.failed_tasks)}"[:LONGEST]
    if notice.since is not None:
        yield f"the first that failed was {notice.since}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
