"""Commands that ask the daemon to do something: start, emit, pause, resume."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triphammer.config.ids import new_id
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import (
    URL,
    AsJson,
    Params,
    Url,
    json_argument,
    parse_params,
    reports_errors,
)
from triphammer.service.cli.output import fail, print_json

FlowName = Annotated[str, typer.Argument(help="A flow.")]
CONTENT_TYPE = "application/cloudevents+json"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (start, emit, pause, resume):
        app.command()(reports_errors(command))


def start(
    flow: FlowName,
    param: Params = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Start a run in the daemon. With --wait the exit code is 1 unless it succeeds."""
    body = {"params": parse_params(param)}
    # The key makes it safe to send the request again after a lost answer.
    headers = {"Idempotency-Key": new_id("msg")}
    with connect(url) as daemon:
        run = daemon.post(f"/api/v1/flows/{flow}/runs", json=body, headers=headers)
        if wait:
            run = daemon.wait_for_end(run["id"])
    _print(run, json, f"{run['id']} {run['state']}")
    if wait and run["state"] != "succeeded":
        why = "" if run["error"] is None else f"{run['error']['type']}: {run['error']['message']}; "
        raise fail(f"{why}`triphammer show {run['id']}` and `triphammer logs` tell more")


def emit(
    type: Annotated[str, typer.Argument(help="The event's type, such as shop.order.paid.")],
    data: Annotated[str, typer.Option(help="JSON, or @FILE.")] = "null",
    subject: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "triphammer/cli",
    id: Annotated[
        str | None, typer.Option(help="Its id: the same (source, id) starts nothing twice.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Give it a new id even if --id came before.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Post an event; prints what became of it."""
    name = new_id("evt") if id is None else f"{id}#{new_id('evt')}" if again else id
    event: dict[str, Any] = {"specversion": "1.0", "type": type, "source": source, "id": name}
    event["data"] = json_argument(data, "--data")
    if subject is not None:
        event["subject"] = subject
    with connect(url) as daemon:
        headers = {"Content-Type": CONTENT_TYPE}
        accepted = daemon.post("/api/v1/events", json=event, headers=headers)["events"][0]
    runs = ", ".join(accepted["runs"]) or "no flow began a run"
    text = "duplicate: it came before" if accepted["duplicate"] else runs
    _print(accepted, json, f"{accepted['event']}: {text}")


def pause(flow: FlowName, url: Url = URL, json: AsJson = False) -> None:
    """Begin no more runs of a flow; its events are kept and wait."""
    with connect(url) as daemon:
        answer = daemon.post(f"/api/v1/flows/{flow}/pause")
    _print(answer, json, f"{flow}: paused")


def resume(flow: FlowName, url: Url = URL, json: AsJson = False) -> None:
    """Begin runs of a paused flow again, the waiting ones first."""
    with connect(url) as daemon:
        answer = daemon.post(f"/api/v1/flows/{flow}/resume")
    _print(answer, json, f"{flow}: live")


def _print(value: Any, as_json: bool, text: str) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
