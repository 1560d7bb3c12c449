"""What `triphammer run` does, apart from it: reading commands must not pay for its imports."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import typer

from triphammer.config.clock import SystemClock
from triphammer.config.loading import LoadedSettings, load_settings
from triphammer.config.secrets import Secrets
from triphammer.flows.excerpt import Excerpt, excerpt_of
from triphammer.flows.graph import FlowDef
from triphammer.sensors.cloudevents import from_http
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers
from triphammer.service.cli.asking import Answers, Questions
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.debugging import debug_executors, log_to_terminal, untimed
from triphammer.service.cli.display import Task, display_for
from triphammer.service.cli.options import json_argument
from triphammer.service.cli.output import fail
from triphammer.service.cli.past import fetch_flow, fetch_journal, fetch_past
from triphammer.service.cli.ran import Ran, as_json, show
from triphammer.service.errors import CannotServe, UnknownFlow
from triphammer.service.hub import News
from triphammer.service.hurry import HurriedClock
from triphammer.service.loading import Loaded, load
from triphammer.service.local import Local, Surroundings, real_executors, with_local
from triphammer.service.outbox.courier import deliver_now, open_courier
from triphammer.service.repeating import Journal, Past, begin_again


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run, and how; see the command's options."""

    flow: str | None
    event: str | None
    params: Mapping[str, Any]
    deliver: bool
    fast: bool
    debug: bool
    from_run: str | None
    only: str | None
    version: str | None
    url: str
    json: bool
    answers: Answers = Answers()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A flow with what it is to run on. `excerpt`: only one task of `past`, behind `journal`."""

    flow: FlowDef
    event: Event | None
    params: Mapping[str, Any]
    past: Past | None = None
    excerpt: Excerpt | None = None
    journal: Journal | None = None


def run_here(asked: Asked, config: Path | None) -> None:
    """Run a flow in this process, print what became of it; exit 1 unless it succeeded."""
    loaded = load_settings(Path.cwd(), config=config, flags={})
    secrets = Secrets.of(loaded)
    if asked.debug:
        log_to_terminal()
    given = None if asked.event is None else _event(json_argument(asked.event, "--event"))
    job = _job(loaded, asked, given)
    if asked.debug and any(node.options.env for node in job.flow.graph.every()):
        typer.echo("note: with --debug tasks with env= run in this interpreter", err=True)
    ran = anyio.run(partial(_run, loaded, secrets, asked, job))
    if asked.json:
        as_json(ran)
    else:
        show(ran, secrets.mask)
    if ran.state != "succeeded":
        if job.event is None and not asked.json:
            hint = "--event '{\"data\": {...}}' gives one, as its sources would"
            typer.echo(f"it ran without an event; {hint}", err=True)
        raise typer.Exit(1)


def _job(loaded: LoadedSettings, asked: Asked, event: Event | None) -> Job:
    if asked.from_run is None:
        flow = _found(loaded, asked.flow or "")
        return Job(flow=flow, event=event, params=asked.params)
    with connect(asked.url) as daemon:
        past = fetch_past(daemon, asked.from_run)
        version = past.version if asked.version == "run" else asked.version
        flow = (
            _found(loaded, asked.flow or past.flow)
            if version is None
            else fetch_flow(daemon, loaded.root, past.flow, version)
        )
        params = {**_still_taken(past.params, flow), **asked.params}
        job = Job(flow=flow, event=past.event, params=params, past=past)
        if asked.only is None:
            return job
        excerpt = excerpt_of(flow, asked.only)
        journal = fetch_journal(daemon, past, excerpt)
    return msgspec.structs.replace(job, flow=excerpt.flow, excerpt=excerpt, journal=journal)


def _still_taken(params: Mapping[str, Any], flow: FlowDef) -> Mapping[str, Any]:
    """The parameters of the past that the flow still has."""
    gone = [name for name in params if name not in flow.params]
    if gone:
        typer.echo(f"note: {flow.name} has no parameter {', '.join(gone)} any more", err=True)
    return {name: value for name, value in params.items() if name in flow.params}


def _event(value: Any) -> Event:
    """A CloudEvent from JSON; what it leaves out is filled in, so that `{"data": ...}` will do."""
    if not isinstance(value, dict):
        raise fail('--event takes a JSON object such as \'{"data": {"path": "a.csv"}}\'', 2)
    defaults = {"specversion": "1.0", "id": "local", "source": "triphammer/cli", "type": "local"}
    body = msgspec.json.encode({**defaults, **value})
    headers = Headers({"content-type": "application/cloudevents+json"})
    return from_http(headers, body, now=SystemClock().now())[0]


async def _run(loaded: LoadedSettings, secrets: Secrets, asked: Asked, job: Job) -> Ran:
    hurried = HurriedClock(SystemClock())
    flow = untimed(job.flow) if asked.debug else job.flow
    display = display_for(flow.name, json=asked.json, debug=asked.debug)

    async def action(local: Local) -> Ran:
        if asked.fast:
            hurried.follow(local.core.engine.wait_quiet)
        run = await _begin(local, flow, job)
        with display.shown():
            async with anyio.create_task_group() as group:
                questions = Questions(local, run, asked.answers, display)
                group.start_soon(questions.answer, name="questions")
                display.tell(News("run", run, flow.name, "running"))
                await local.wait(run, display.tell)
                group.cancel_scope.cancel()
            ended = await local.store.run(run)
            assert ended is not None
            display.end(ended.state, await _tasks(local, run))
        ran = await _outcome(local, run, job)
        return await _delivered(ran, loaded, secrets) if asked.deliver else ran

    around = Surroundings(
        clock=hurried if asked.fast else SystemClock(),
        make_executors=debug_executors if asked.debug else real_executors,
        secrets=secrets,
        settings=loaded.settings,
        root=loaded.root,
        lines=None if asked.json else display.log,
        captured=not asked.debug,
        stall=display.stalled,
    )
    return await with_local({flow.name: flow}, action, around)


async def _tasks(local: Local, run: str) -> list[Task]:
    """How the tasks of a run are, its maps as one."""
    items = await local.store.item_counts(run)
    rows = await local.store.tasks(run, items=False)
    return [(row.name, row.state, items.get(row.name, {})) for row in rows]


async def _begin(local: Local, flow: FlowDef, job: Job) -> str:
    if job.past is None:
        return await local.start(flow.name, job.params, job.event)
    return await begin_again(local, flow, job.past, job.params, job.journal)


async def _outcome(local: Local, run: str, job: Job) -> Ran:
    row = await local.store.run(run)
    assert row is not None
    messages = [(m.message, None) for m in await local.store.outbox(run=run)]
    if job.excerpt is None:
        return Ran(row.flow, row.state, row.result, row.error, messages)
    name = job.excerpt.name
    tasks = {task.name: task for task in await local.store.tasks(run)}
    task = tasks.get(name)
    if task is None:
        return Ran(f"{row.flow}: {name}", row.state, None, row.error, messages)
    result = row.result if job.excerpt.item is None else task.result
    return Ran(f"{row.flow}: {name}", task.state, result, task.error, messages)


async def _delivered(ran: Ran, loaded: LoadedSettings, secrets: Secrets) -> Ran:
    async with open_courier(
        settings=loaded.settings,
        secrets=secrets,
        clock=SystemClock(),
        log=logging.getLogger("triphammer.outbox"),
    ) as courier:
        sent = await deliver_now(courier, [message for message, _ in ran.messages])
    return msgspec.structs.replace(ran, messages=sent)


def _found(loaded: LoadedSettings, name: str) -> FlowDef:
    file, _, flow = name.partition("::")
    path = Path(file) if file.endswith(".py") else None
    found = anyio.run(partial(load, loaded, last={}, path=path))
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
