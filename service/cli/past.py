"""Fetches a run of the past from the daemon, to repeat it here."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from triphammer.flows.excerpt import Excerpt, rows_before
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow
from triphammer.flows.loader import load_version
from triphammer.sensors.codec import event_of_json
from triphammer.service.client.errors import ClientError
from triphammer.service.client.sync import Client
from triphammer.service.repeating import Journal, Past

_PART = re.compile(rb"artifact[^0-9a-f]{1,4}([0-9a-f]{64})")
"""How JSON, MessagePack and pickles name an artifact that is part of a value."""


def fetch_past(daemon: Client, run: str) -> Past:
    """What the run was given. Raises `ClientError`, which says what is needed."""
    try:
        found = daemon.run(run)
        event = daemon.event(found["event"])
    except ClientError as error:
        raise ClientError(
            f"{error}. --from-run asks the daemon that has the run; of a copy of its data folder "
            "`triphammer serve --data COPY --port 8421` is one, named with --url"
        ) from None
    return Past(
        run=found["id"],
        flow=found["flow"],
        version=found["version"],
        event=event_of_json(event),
        params=found["params"],
        state=_state(daemon, found["flow"]),
    )


def _state(daemon: Client, flow: str) -> dict[str, bytes]:
    """What the flow remembers now; nothing if it is gone and has left nothing."""
    try:
        values = daemon.state(flow)["values"]
    except ClientError:
        return {}
    return {key: msgspec.json.encode(value) for key, value in values.items()}


def fetch_flow(daemon: Client, root: Path, flow: str, version: str) -> FlowDef:
    """The flow at a version that the daemon has had. Raises `GraphError` if it does not load."""
    told = daemon.source(version)
    sources = {file["path"]: file["source"] for file in told["files"]}
    return load_version(root, flow, told["file"], sources)


def fetch_journal(daemon: Client, past: Past, excerpt: Excerpt) -> Journal:
    """What the run's tasks before the excerpt's have given. Raises `FlowError` where they had
    not ended."""
    rows = rows_before(excerpt, [_row(task) for task in daemon.stored_tasks(past.run)], past.run)
    return Journal(rows, list(_contents(daemon, past.run, rows)))


def _row(told: Any) -> TaskRow:
    result, error = told["result"], told["error"]
    return TaskRow(
        name=told["name"],
        state=told["state"],
        attempt=told["attempt"],
        items=told["items"],
        result=None
        if result is None
        else Encoded(result["kind"], b64decode(result["body"]), result["media"]),
        error=None if error is None else ErrorInfo(error["type"], error["message"]),
    )


def _contents(daemon: Client, run: str, rows: Sequence[TaskRow]) -> Iterator[bytes]:
    """What the results are that are artifacts, and the artifacts that are part of results."""
    results = [row.result for row in rows if row.result is not None]
    whole = dict.fromkeys(r.body.decode() for r in results if r.kind == "artifact")
    inside = [digest for r in results if r.kind != "artifact" for digest in _named_in(r.body)]
    for digest in whole:
        content = _content(daemon, run, digest)
        inside += _named_in(content)
        yield content
    for digest in dict.fromkeys(inside):
        with suppress(ClientError):  # it only looks like one of ours
            yield _content(daemon, run, digest)


def _named_in(body: bytes) -> Iterator[str]:
    return (found.decode() for found in _PART.findall(body))


def _content(daemon: Client, run: str, digest: str) -> bytes:
    content = b"".join(daemon.stored_content(run, digest))
    if sha256(content).hexdigest() != digest:
        raise ClientError(f"the artifact {digest} of the daemon is damaged")
    return content
