"""Commands about the code of flows: load it again, look at it as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import fail, print_json, print_table

if TYPE_CHECKING:
    from triphammer.service.client.sync import Client

LIVE = "live"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (reload, code):
        app.command()(reports_errors(command))


def reload(url: Url = URL, json: AsJson = False) -> None:
    """Let the daemon load the flow files again, and print what has changed; exit 1 on errors."""
    with connect(url) as daemon:
        answer = daemon.reload()
    if json:
        print_json(answer)
    else:
        _print_reloaded(answer)
    if answer["errors"]:
        raise typer.Exit(1)


def _print_reloaded(answer: Any) -> None:
    for error in answer["errors"]:
        place = "" if error["file"] is None else f"{error['file']}:{error['line']}: "
        typer.echo(f"{place}{error['message']}", err=True)
    for text in (*answer["warnings"], *answer["notes"]):
        typer.echo(f"warning: {text}")
    words = {"added": "new", "changed": "changed", "removed": "removed", "kept": "broken, kept"}
    for key, word in words.items():
        if answer[key]:
            typer.echo(f"{word}: {', '.join(answer[key])}")
    if not (answer["added"] or answer["changed"] or answer["removed"]):
        typer.echo("nothing has changed")


def code(
    what: Annotated[str, typer.Argument(help="A run (ids may be shortened) or a flow.")],
    version: Annotated[
        str | None, typer.Option("--version", help="Another version of it; may be shortened.")
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option("--diff", help="Show what has changed since that version, or up to 'live'."),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="Only this file, and nothing but its text.")
    ] = None,
    list: Annotated[bool, typer.Option("--list", help="List the versions of the flow.")] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Show the code that a run ran, or that a flow has: its file and all that it imports."""
    with connect(url) as daemon:
        flow, current = _named(daemon, what)
        if list:
            _print_versions(daemon.versions(flow).page(), json)
            return
        shown = version or current
        if diff is not None:
            _print_diff(_diff(daemon, flow, shown, diff), json)
            return
        source = daemon.source(shown)
    if json:
        print_json(source)
    else:
        _print_source(source, file)


def _named(daemon: Client, what: str) -> tuple[str, str]:
    """The flow and the version that are meant."""
    if what.startswith("run_"):
        run = daemon.run(what)
        return run["flow"], run["version"]
    versions = daemon.versions(what).page()["items"]
    live = next((item for item in versions if item["live"]), versions[0])
    return what, live["version"]


def _diff(daemon: Client, flow: str, shown: str, other: str) -> Any:
    if other != LIVE:
        return daemon.diff(other, shown)
    _, live = _named(daemon, flow)
    return daemon.diff(shown, live)


def _print_versions(answer: Any, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    rows = [(v["version"], v["at"], LIVE if v["live"] else "", v["file"]) for v in answer["items"]]
    print_table(("VERSION", "SINCE", "STATE", "FILE"), rows, "No version is stored.")


def _print_diff(answer: Any, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    elif answer["files"]:
        typer.echo("".join(item["diff"] for item in answer["files"]), nl=False)
    else:
        typer.echo("no difference")


def _print_source(answer: Any, file: str | None) -> None:
    if file is None:
        for item in answer["files"]:
            typer.echo(f"# --- {item['path']}\n{item['source'].rstrip()}\n")
        return
    for item in answer["files"]:
        if item["path"] == file:
            typer.echo(item["source"], nl=False)
            return
    names = ", ".join(item["path"] for item in answer["files"])
    raise fail(f"version {answer['version']} has no file {file!r}; it has {names}")
