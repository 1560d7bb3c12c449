"""`triphammer run`: a flow here and now, without daemon."""

from __future__ import annotations

from typing import Annotated

import typer

from triphammer.service.cli.options import (
    URL,
    AsJson,
    Config,
    Params,
    Url,
    parse_params,
    parse_texts,
    reports_errors,
)
from triphammer.service.cli.output import fail


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(run))


def run(
    flow: Annotated[
        str | None,
        typer.Argument(help="A flow's name, FILE, or FILE::FLOW; default: that of --from-run."),
    ] = None,
    event: Annotated[
        str | None, typer.Option("--event", help="The event: JSON or @FILE (a CloudEvent).")
    ] = None,
    param: Params = None,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Send outgoing messages instead of printing them.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Skip sleeps: backoffs, turns of a rate, waits.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="One task at a time on the main thread: breakpoint() works, and a task that "
            "raises ends in a post-mortem. Nothing is captured, and no time limit holds.",
        ),
    ] = False,
    from_run: Annotated[
        str | None,
        typer.Option("--from-run", help="Repeat this run of the daemon with the code as it is."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", help="Of that run only this task (or item, as `enrich[17]`)."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version", help="The code of that run (`run`), or of this version; default: of now."
        ),
    ] = None,
    approve: Annotated[
        bool | None,
        typer.Option(
            "--approve/--reject", help="What `approve` asks for; default: ask at the terminal."
        ),
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option("--form", metavar="K=V", help="With --approve: a field of the form."),
    ] = None,
    url: Url = URL,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Run a flow here and now, without a daemon; exit 1 unless it succeeds.

    The store is in memory. Outgoing messages are printed and files are not moved. With
    --from-run event, parameters and state come from the daemon; --param replaces some.
    """
    if flow is None and from_run is None:
        raise fail("which one? name a flow, a file, or --from-run RUN", 2)
    if only is not None and from_run is None:
        raise fail("--only is about the run of --from-run RUN: name that", 2)
    if version is not None and (from_run is None or flow is not None):
        raise fail("--version is about the flow of --from-run RUN: name that, and no flow", 2)
    if event is not None and from_run is not None:
        raise fail("--from-run brings its event along: leave --event out", 2)
    # Only here: loading flows takes longer than most commands.
    from triphammer.service.cli.asking import Answers
    from triphammer.service.cli.running import Asked, run_here

    asked = Asked(
        flow=flow,
        event=event,
        params=parse_params(param),
        deliver=deliver,
        fast=fast,
        debug=debug,
        from_run=from_run,
        only=only,
        version=version,
        url=url,
        json=json,
        answers=Answers(approve, parse_texts(form, "--form")),
    )
    run_here(asked, config)
