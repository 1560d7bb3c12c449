"""`triphammer show`: one run, event, message or flow, with all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triphammer.service.cli.completing import shown_things
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.lists import error_of, flow_state
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import (
    harmless,
    json_line,
    moment,
    print_fields,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from triphammer.service.client.sync import Client


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(show))


def show(
    what: Annotated[
        str,
        typer.Argument(
            help="A run, an event, a message (ids may be shortened) or a flow.",
            autocompletion=shown_things,
        ),
    ],
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Of a run, list the items of its maps, too.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Show one run with its tasks and what it waits for, one event or outgoing message with what
    became of it, or one flow."""
    answer: Any
    with connect(url) as daemon:
        kind, answer = _find(daemon, what)
        if kind == "run" and tasks:
            answer = {**answer, "tasks": list(daemon.tasks(answer["id"])), "next": None}
        is_run = kind == "run" and not json
        kept: list[Any] = daemon.artifacts(answer["id"])["items"] if is_run else []
    if json:
        print_json(answer)
        return
    shown: dict[str, Callable[[Any], None]] = {
        "run": _show_run,
        "event": _show_event,
        "flow": _show_flow,
        "message": print_fields,
    }
    shown[kind](answer)
    if kept:
        typer.echo()
        rows = [(k["name"], k["task"], k["media_type"], k["size"], k["url"]) for k in kept]
        print_table(("ARTIFACT", "TASK", "TYPE", "BYTES", "URL"), rows, "")


def _find(daemon: Client, what: str) -> tuple[str, Any]:
    if what.startswith("run_"):
        return "run", daemon.run(what)
    if what.startswith("evt_"):
        return "event", daemon.event(what)
    if what.startswith("msg_"):
        return "message", daemon.message(what)
    return "flow", daemon.flow(what)


def _show_run(run: Any) -> None:
    names = ("id", "flow", "version", "state", "event", "params", "result")
    print_fields({name: run[name] for name in names} | {"error": error_of(run) or None})
    print_fields({"created": run["created_at"], "finished": run["finished_at"]})
    print_fields({"queued for": run["queued_for"]})
    print_fields({"still running": ", ".join(run["still_running"]) or None})
    print_fields({"note": run["note"] or None, "tags": ", ".join(run["tags"]) or None})
    typer.echo()
    rows = [
        (t["name"], t["state"], t["attempt"], _items(t), _how_far(t), error_of(t))
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
        typer.echo(harmless(f"\n{run['error']['traceback'].rstrip()}"))


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
            "state": flow_state(flow),
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


def _items(task: Any) -> str:
    counts: Mapping[str, int] = task["items"] or {}
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _how_far(task: Any) -> str:
    if task["cached_from"] is not None:
        return f"cached from {task['cached_from']}"
    reached = task["progress"]
    return "" if reached is None else f"{reached['done']:g} of {reached['total']:g}"
