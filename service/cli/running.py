"""What `triphammer run` does, apart from it: reading commands must not pay for its imports."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import typer

from triphammer.config.clock import SystemClock
from triphammer.config.loading import LoadedSettings, load_settings
from triphammer.config.secrets import Secrets
from triphammer.flows.codec import decode_json_safe
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import LogLine, OutMessage
from triphammer.sensors.cloudevents import from_http
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers
from triphammer.service.cli.options import (
    json_argument,
    parse_params,
)
from triphammer.service.cli.output import fail, print_json
from triphammer.service.errors import CannotServe, UnknownFlow
from triphammer.service.hub import News
from triphammer.service.loading import Loaded, load
from triphammer.service.local import Local, real_executors, with_local
from triphammer.service.outbox.courier import deliver_now, open_courier
from triphammer.service.outbox.outcome import Outcome
from triphammer.service.store.contract import RunRow


class Ran(msgspec.Struct, frozen=True):
    """A run that has ended, with its messages and what became of those that were sent."""

    row: RunRow
    messages: Sequence[tuple[OutMessage, Outcome | None]]


def run_here(
    flow: str,
    event: str | None,
    param: Sequence[str] | None,
    config: Path | None,
    *,
    deliver: bool,
    json: bool,
) -> None:
    """Run a flow in this process, print what became of it; exit 1 unless it succeeded."""
    loaded = load_settings(Path.cwd(), config=config, flags={})
    secrets = Secrets.of(loaded)
    given = None if event is None else _event(json_argument(event, "--event"))
    ran = anyio.run(
        partial(
            _run, loaded, secrets, flow, parse_params(param), given, deliver=deliver, quiet=json
        )
    )
    result = None if ran.row.result is None else decode_json_safe(ran.row.result)
    if json:
        print_json({"state": ran.row.state, "result": result, "messages": _told(ran)})
    else:
        _print(ran, result)
    if ran.row.state != "succeeded":
        if event is None and not json:
            hint = "--event '{\"data\": {...}}' gives one, as its sources would"
            typer.echo(f"it ran without an event; {hint}", err=True)
        raise typer.Exit(1)


def _event(value: Any) -> Event:
    """A CloudEvent from JSON; what it leaves out is filled in, so that `{"data": ...}` will do."""
    if not isinstance(value, dict):
        raise fail('--event takes a JSON object such as \'{"data": {"path": "a.csv"}}\'', 2)
    defaults = {"specversion": "1.0", "id": "local", "source": "triphammer/cli", "type": "local"}
    body = msgspec.json.encode({**defaults, **value})
    headers = Headers({"content-type": "application/cloudevents+json"})
    return from_http(headers, body, now=SystemClock().now())[0]


async def _run(
    loaded: LoadedSettings,
    secrets: Secrets,
    name: str,
    params: Mapping[str, Any],
    event: Event | None,
    *,
    deliver: bool,
    quiet: bool,
) -> Ran:
    definition = await _find(loaded, name)

    async def action(local: Local) -> Ran:
        run = await local.start(definition.name, params, event)
        row = await local.wait(run, None if quiet else _progress)
        messages = [m.message for m in await local.store.outbox(run=run)]
        if not deliver:
            return Ran(row, [(message, None) for message in messages])
        async with open_courier(
            settings=loaded.settings,
            secrets=secrets,
            clock=SystemClock(),
            log=logging.getLogger("triphammer.outbox"),
        ) as courier:
            return Ran(row, await deliver_now(courier, messages))

    return await with_local(
        {definition.name: definition},
        action,
        clock=SystemClock(),
        make_executors=real_executors,
        secrets=secrets,
        settings=loaded.settings,
        root=loaded.root,
        lines=None if quiet else _lines,
    )


async def _find(loaded: LoadedSettings, name: str) -> FlowDef:
    file, _, flow = name.partition("::")
    path = Path(file) if file.endswith(".py") else None
    found = await load(loaded, last={}, path=path)
    wanted = flow if path is not None else name
    if path is not None and not flow and len(found.flows) == 1:
        return next(iter(found.flows.values()))
    if wanted in found.flows:
        return found.flows[wanted]
    raise _not_found(found, wanted or f"in {file}")


def _not_found(found: Loaded, wanted: str) -> Exception:
    if found.errors:
        return CannotServe("; ".join(str(error) for error in found.errors))
    return UnknownFlow(wanted, found.flows)


def _progress(news: News) -> None:
    if news.kind == "task" and news.state:
        typer.echo(f"  {news.state}", err=True)


def _lines(run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None:
    for line in lines:
        typer.echo(f"  {task}#{attempt} {line.level}: {line.text}", err=True)


def _print(ran: Ran, result: Any) -> None:
    for message, outcome in ran.messages:
        what = "not sent (--deliver sends it)" if outcome is None else repr(outcome)
        typer.echo(f"{message.kind} to {message.target}: {_text(message)} - {what}")
    if ran.row.error is not None:
        typer.echo(ran.row.error.traceback or ran.row.error.message, err=True)
    typer.echo(f"{ran.row.flow} {ran.row.state}")
    if result is not None:
        print_json(result)


def _told(ran: Ran) -> list[Any]:
    return [
        {"kind": m.kind, "target": m.target, "key": m.key, "body": _text(m), "id": m.id}
        for m, _ in ran.messages
    ]


def _text(message: OutMessage) -> str | None:
    return None if message.body is None else message.body.decode("utf-8", "replace")
