"""Commands that show much at a glance: status, stats, grid, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from triphammer.service.cli.completing import flow_names, run_ids
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.lists import FAILURES, failure_rows
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import (
    Id,
    Moment,
    harmless,
    print_fields,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from triphammer.service.web.looking_models import Comparison, FlowStats, GridLine, Stats

FlowName = Annotated[str, typer.Argument(help="A flow.", autocompletion=flow_names)]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (status, stats, grid, compare):
        app.command()(reports_errors(command))


def status(url: Url = URL, json: AsJson = False) -> None:
    """Show what happens now: runs, events, messages, next fires, and what does not work."""
    with connect(url) as daemon:
        answer = daemon.stats()
    if json:
        print_json(answer)
    else:
        _print_status(answer)


def _print_status(answer: Stats) -> None:
    flows, events = answer["flows"], answer["events"]
    print_fields(
        {
            "daemon": "ready" if answer["ready"] else "not ready",
            "flows": f"{flows['live']} live",
            "paused": ", ".join(flows["paused"]) or None,
            "broken": ", ".join(flows["wrong"]) or None,
            "runs": counted(answer["runs"]) or "none yet",
            "messages": counted(answer["messages"]) or None,
            "events": f"{sum(events['steps'])} in the last {events['seconds'] // 60} minutes",
        }
    )
    for part in answer["troubles"]:
        typer.echo(harmless(f"trouble: {part['part']}: {part['reason']}"), err=True)
    if answer["next_fires"]:
        typer.echo()
        fires = [(fire["flow"], Moment(fire["at"])) for fire in answer["next_fires"]]
        print_table(("FLOW", "NEXT FIRE"), fires, "")
    if answer["failures"]:
        typer.echo()
        print_table(FAILURES, failure_rows(answer["failures"]), "")


def stats(
    flow: FlowName,
    last: Annotated[int, typer.Option(min=1, max=500, help="Of how many runs.")] = 100,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Show how a flow has been doing: how often it succeeds, and how long it takes."""
    with connect(url) as daemon:
        answer = daemon.flow_stats(flow, last=last)
    if json:
        print_json(answer)
    else:
        _print_stats(answer)


def _print_stats(answer: FlowStats) -> None:
    rate = answer["success_rate"]
    print_fields(
        {
            "flow": answer["flow"],
            "runs that have ended": len(answer["ended"]),
            "succeeded": None if rate is None else f"{rate:.1%}",
            "half of them within": seconds(answer["p50"]) or None,
            "95 of 100 within": seconds(answer["p95"]) or None,
        }
    )
    if answer["days"]:
        typer.echo()
        days = [(day["day"], counted(day["runs"])) for day in answer["days"] if day["runs"]]
        print_table(("DAY", "RUNS"), days, "")


def grid(
    flow: FlowName,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=50, help="Runs.")] = 10,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Show the newest runs of a flow with the state of each of their tasks."""
    with connect(url) as daemon:
        answer = daemon.grid(flow, limit=limit).page()
    if json:
        print_json(answer)
        return
    names = list(dict.fromkeys(c["name"] for line in answer["items"] for c in line["tasks"]))
    rows = [_grid_row(line, names) for line in answer["items"]]
    print_table(("RUN", "CREATED", "STATE", *names), rows, "No runs yet.")


def _grid_row(line: GridLine, names: list[str]) -> tuple[Any, ...]:
    states = {cell["name"]: cell["state"] for cell in line["tasks"]}
    begun = (Id(line["id"]), Moment(line["created_at"]), line["state"])
    return (*begun, *(states.get(name) for name in names))


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(help="Two to six runs; ids may be shortened.", autocompletion=run_ids),
    ],
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Show runs side by side: what was given, what came out, how each task went."""
    with connect(url) as daemon:
        answer = daemon.compare(runs)
    if json:
        print_json(answer)
    else:
        _print_comparison(answer)


def _print_comparison(answer: Comparison) -> None:
    runs = answer["runs"]
    rows: list[tuple[Any, ...]] = [
        ("run", *(Id(run["id"]) for run in runs)),
        ("flow", *(run["flow"] for run in runs)),
        ("state", *(run["state"] for run in runs)),
        ("created", *(Moment(run["created_at"]) for run in runs)),
        ("took", *(seconds(run["seconds"]) for run in runs)),
        ("version", *(run["version"] for run in runs)),
    ]
    rows += [(name, *(run["params"].get(name) for run in runs)) for name in answer["different"]]
    rows += [("error", *(run["reason"] for run in runs))]
    for task in answer["tasks"]:
        cells = (c and f"{c['state']} {seconds(c['seconds'])}".strip() for c in task["cells"])
        rows.append((task["name"], *cells))
    print_table(("", *("" for _ in runs)), rows, "")


def counted(counts: dict[str, int]) -> str:
    """Counts by state in a line."""
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def seconds(value: float | None) -> str:
    """A stretch of time in a word."""
    if value is None:
        return ""
    return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
