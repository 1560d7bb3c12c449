"""Commands that read from the daemon: flows, runs, events, show, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import json_line, print_fields, print_json, print_table

if TYPE_CHECKING:
    from triphammer.service.cli.client import DaemonClient

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (flows, runs, events, show, logs):
        app.command()(reports_errors(command))


def flows(url: Url = URL, json: AsJson = False) -> None:
    """List the flows that serve now, with their sources and next fire."""
    with connect(url) as daemon:
        answer = daemon.get("/api/v1/flows")
    if json:
        print_json(answer)
        return
    rows = [
        (
            flow["name"],
            _state(flow),
            _listens_to(flow),
            moment(flow.get("next_fire")),
            flow["runs"].get("succeeded", 0),
            flow["runs"].get("failed", 0),
        )
        for flow in [*answer["items"], *answer["removed"]]
    ]
    columns = ("FLOW", "STATE", "LISTENS TO", "NEXT FIRE", "SUCCEEDED", "FAILED")
    print_table(columns, rows, "No flow is loaded; `triphammer check` says why.")
    for error in answer["errors"]:
        typer.echo(f"error: {error}", err=True)


def _state(flow: Any) -> str:
    """In a word. A broken flow serves at its last good version."""
    if "removed_at" in flow or flow["state"] == "removed":
        return "removed, paused" if flow["paused"] else "removed"
    if flow["error"] is not None:
        return "broken, paused" if flow["paused"] else "broken"
    return "paused" if flow["paused"] else "live"


def _listens_to(flow: Any) -> str:
    if "removed_at" in flow:
        left = sum(flow["runs"].get(state, 0) for state in ("queued", "running", "waiting"))
        return f"nothing; {left} runs go on" if left else "nothing"
    return ", ".join(flow["on"]) or "started by hand"


def runs(
    flow: Annotated[str | None, typer.Option(help="Only runs of this flow.")] = None,
    state: Annotated[str | None, typer.Option(help="Only runs in this state.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only runs with this tag.")] = None,
    limit: Limit = 20,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List runs, newest first."""
    with connect(url) as daemon:
        answer = daemon.get("/api/v1/runs", flow=flow, state=state, tag=tag, limit=limit)
        if flow is not None and not answer["items"]:
            daemon.get(f"/api/v1/flows/{quote(flow)}")  # which says so where there is none
    if json:
        print_json(answer)
        return
    rows = [
        (r["id"], r["flow"], r["state"], moment(r["created_at"]), _error(r))
        for r in answer["items"]
    ]
    columns = ("RUN", "FLOW", "STATE", "CREATED", "ERROR")
    print_table(columns, rows, "No run matches." if flow or state or tag else "No runs yet.")


def events(
    type: Annotated[str | None, typer.Option(help="Only events of this type.")] = None,
    source: Annotated[str | None, typer.Option(help="Only events from this source.")] = None,
    limit: Limit = 20,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List events, newest first."""
    with connect(url) as daemon:
        answer = daemon.get("/api/v1/events", type=type, source=source, limit=limit)
    if json:
        print_json(answer)
        return
    rows = [
        (e["key"], e["type"], e["source"], e["subject"], moment(e["received_at"]))
        for e in answer["items"]
    ]
    columns = ("EVENT", "TYPE", "SOURCE", "SUBJECT", "RECEIVED")
    print_table(columns, rows, "No event matches." if type or source else "No events yet.")


def show(
    what: Annotated[
        str, typer.Argument(help="A run, an event, a message (ids may be shortened) or a flow.")
    ],
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Show one run with its tasks, one event or outgoing message with what became of it, or one
    flow."""
    with connect(url) as daemon:
        kind, answer = _find(daemon, what)
        path = f"/api/v1/runs/{answer['id']}/artifacts" if kind == "run" and not json else None
        kept: list[Any] = [] if path is None else daemon.get(path)["items"]
    if json:
        print_json(answer)
        return
    shown = {"run": _show_run, "event": _show_event, "flow": _show_flow, "message": print_fields}
    shown[kind](answer)
    if kept:
        typer.echo()
        rows = [(k["name"], k["task"], k["media_type"], k["size"], k["url"]) for k in kept]
        print_table(("ARTIFACT", "TASK", "TYPE", "BYTES", "URL"), rows, "")


def logs(
    run: Annotated[str, typer.Argument(help="A run; the id may be shortened.")],
    task: Annotated[str | None, typer.Option(help="Only lines of this task.")] = None,
    attempt: Annotated[int | None, typer.Option(help="Only lines of this attempt.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Print what the tasks of a run logged and printed."""
    after = 0
    with connect(url) as daemon:
        id = daemon.get(f"/api/v1/runs/{run}")["id"]
        for _ in daemon.follow(id) if follow else (True,):
            lines = _lines(daemon, id, task, attempt, after)
            after = lines[-1]["seq"] if lines else after
            if json and not follow:
                print_json({"items": lines})
                return
            for line in lines:
                typer.echo(json_line(line) if json else _line(line))
    if not after and not json:
        typer.echo("Nothing was logged.")


def _lines(
    daemon: DaemonClient, run: str, task: str | None, attempt: int | None, after: int | None
) -> list[Any]:
    lines: list[Any] = []
    while after is not None:
        page = daemon.get(f"/api/v1/runs/{run}/logs", task=task, attempt=attempt, after=after)
        lines += page["items"]
        after = page["next"]
    return lines


def _line(line: Any) -> str:
    place = f"{line['task']}#{line['attempt']}"
    return f"{line['at']} {line['level']:<7} {place} {line['text']}"


def _find(daemon: DaemonClient, what: str) -> tuple[str, Any]:
    if what.startswith("run_"):
        return "run", daemon.get(f"/api/v1/runs/{what}")
    if what.startswith("evt_"):
        return "event", daemon.get(f"/api/v1/events/{what}")
    if what.startswith("msg_"):
        return "message", daemon.get(f"/api/v1/messages/{what}")
    return "flow", daemon.get(f"/api/v1/flows/{what}")


def _show_run(run: Any) -> None:
    names = ("id", "flow", "version", "state", "event", "params", "result")
    print_fields({name: run[name] for name in names} | {"error": _error(run) or None})
    print_fields({"created": run["created_at"], "finished": run["finished_at"]})
    print_fields({"queued for": run["queued_for"]})
    print_fields({"still running": ", ".join(run["still_running"]) or None})
    print_fields({"note": run["note"] or None, "tags": ", ".join(run["tags"]) or None})
    typer.echo()
    rows = [
        (t["name"], t["state"], t["attempt"], t.get("items"), _how_far(t), _error(t))
        for t in run["tasks"]
    ]
    columns = ("TASK", "STATE", "ATTEMPT", "ITEMS", "PROGRESS", "ERROR")
    print_table(columns, rows, "No task has begun.")
    if run["waits"]:
        typer.echo()
        waits = [(w["task"], _awaited(w), moment(w["due_at"]) or "for ever") for w in run["waits"]]
        print_table(("WAITS", "FOR", "UNTIL"), waits, "")
    if run["operations"]:
        typer.echo()
        done = [(moment(o["at"]), o["by"], o["what"], o["detail"]) for o in run["operations"]]
        print_table(("DONE", "BY", "WHAT", "DETAIL"), done, "")
    if run["messages"]:
        typer.echo()
        sent = [
            (m["kind"], m["target"], m["state"], m["attempts"], m["error"]) for m in run["messages"]
        ]
        print_table(("MESSAGE", "TO", "STATE", "ATTEMPTS", "ERROR"), sent, "")
    if run["error"] is not None and run["error"].get("traceback"):
        typer.echo(f"\n{run['error']['traceback'].rstrip()}")


def _awaited(wait: Any) -> str:
    if wait["kind"] == "approve":
        fields = "" if wait["form"] is None else ", ".join(wait["form"]["properties"])
        return f"an answer: {wait['title']}" + (f" (--form {fields})" if fields else "")
    return "time to pass" if wait["kind"] == "sleep" else f"an event: {json_line(wait['pattern'])}"


def _show_event(event: Any) -> None:
    names = ("key", "id", "source", "type", "subject", "time", "received_at", "duplicates", "data")
    print_fields({name: event[name] for name in names})
    typer.echo()
    rows = [(d["flow"], d["outcome"], d["run"], d["detail"]) for d in event["dispositions"]]
    print_table(("FLOW", "OUTCOME", "RUN", "WHY"), rows, "No flow was listening when it came.")


def _show_params(schema: Any) -> None:
    if not schema["properties"]:
        return
    rows = [
        (
            name,
            _kind(one),
            "needed" if name in schema["required"] else json_line(one.get("default")),
            one.get("description"),
        )
        for name, one in schema["properties"].items()
    ]
    typer.echo()
    print_table(("PARAMETER", "TYPE", "DEFAULT", "MEANS"), rows, "")


def _kind(described: Any) -> str:
    """The type of a parameter in short, of its JSON schema."""
    if "enum" in described:
        return " | ".join(map(json_line, described["enum"]))
    if "anyOf" in described:
        return " | ".join(map(_kind, described["anyOf"]))
    kind = described.get("format") or described.get("type") or described.get("$ref", "any")
    return str(kind).rpartition("/")[2]


def _show_flow(flow: Any) -> None:
    print_fields({name: flow[name] for name in ("name", "version", "mode", "max_runs")})
    print_fields(
        {
            "where": f"{flow['file']}:{flow['line']}",
            "state": _state(flow),
            "error": flow["error"],
            "on": ", ".join(flow["on"]) or "started by hand",
            "per": flow["per"],
            "order by": flow["order_by"],
            "timeout": _seconds(flow["timeout"]),
            "deadline": _seconds(flow["deadline"]),
            "notify": None if flow["notify"] is None else ", ".join(flow["notify"]) or "nobody",
            "runs": ", ".join(f"{n} {state}" for state, n in flow["runs"].items()) or "none yet",
            "next fire": moment(flow["next_fire"]) or None,
        }
    )
    _show_subscriptions(flow["subscriptions"])
    _show_params(flow["params_schema"])
    typer.echo()
    rows = [
        (
            n["name"],
            n["task"],
            ", ".join(n["upstream"]),
            n["executor"] if n["env"] is None else f"{n['executor']}, {n['env']}",
            n["retries"],
            "none" if n["timeout"] is None else f"{n['timeout']:g} s",
            n["trigger_rule"],
            n["where"],
        )
        for n in flow["graph"]["nodes"]
    ]
    columns = ("TASK", "CALLS", "AFTER", "RUNS IN", "RETRIES", "TIMEOUT", "RULE", "WHERE")
    print_table(columns, rows, "The graph has no task.")


def _show_subscriptions(subscriptions: list[Any]) -> None:
    for item in subscriptions:
        typer.echo(f"\nstarts when: {item['sentence']}")
        for condition in item["conditions"]:
            typer.echo(f"  and {condition}")


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g} s"


def _how_far(task: Any) -> str:
    if task["cached_from"] is not None:
        return f"cached from {task['cached_from']}"
    reached = task["progress"]
    return "" if reached is None else f"{reached['done']:g} of {reached['total']:g}"


def _error(item: Any) -> str:
    error = item["error"]
    return "" if error is None else f"{error['type']}: {error['message']}"


def moment(text: str | None) -> str:
    """A time of the API to the second, without its zone (UTC)."""
    return "" if text is None else f"{text[:10]} {text[11:19]}"
