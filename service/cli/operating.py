"""Commands about one run: cancel, retry, mark, approve, reject, note, tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from triphammer.service.cli.completing import run_ids, task_names
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import (
    URL,
    AsJson,
    Url,
    json_argument,
    parse_texts,
    reports_errors,
)
from triphammer.service.cli.output import fail, print_json
from triphammer.service.client.words import TaskMark
from triphammer.service.web.forms import read_form

RunId = Annotated[
    str, typer.Argument(help="A run; the id may be shortened.", autocompletion=run_ids)
]

STATES: Mapping[str, TaskMark] = {
    "success": "succeeded",
    "succeeded": "succeeded",
    "failed": "failed",
    "skipped": "skipped",
}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (cancel, retry, mark, approve, reject, note, tag):
        app.command()(reports_errors(command))


def cancel(
    run: RunId,
    now: Annotated[
        bool, typer.Option("--now", help="Its teardowns are not run, or are cut off.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """End a run that is queued or under way. Its tasks are asked to end, and after [limits] grace
    processes are killed and coroutines given up; its teardowns run."""
    with connect(url) as daemon:
        answer = daemon.cancel(run, now=now)
    _print(answer, json, f"{answer['id']}: cancelling")


def retry(
    run: RunId,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="This task and all behind it; also enrich[17] and shop[3]/load.",
            autocompletion=task_names,
        ),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what failed, of maps these items.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Let a run that has ended begin again: whole, from a task on, or only what failed."""
    with connect(url) as daemon:
        answer = daemon.retry(run, since=since, failed_only=failed)
    _print(answer, json, f"{answer['id']}: {answer['state']}")


def mark(
    run: RunId,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[TASK] STATE", help="A task, and success, failed or skipped; without: the run."
        ),
    ],
    result: Annotated[
        str | None, typer.Option(help="What a task that succeeded gives: JSON, or @FILE.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Kept with who did it and when.")] = "",
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Let a task count as succeeded, failed or skipped, or a run that has ended. What stands behind
    a task of an ended run runs when that is retried with --failed."""
    *task, state = what
    given = None if result is None else json_argument(result, "--result")
    mark = STATES.get(state)
    if len(task) > 1 or mark is None or (mark == "skipped" and not task):
        told = "mark RUN TASK success|failed|skipped, or mark RUN success|failed"
        raise fail(f"{' '.join(what)!r} cannot be marked: {told}", 2)
    with connect(url) as daemon:
        if mark == "skipped" or task:
            answer = daemon.mark_task(run, task[0], mark, result=given, reason=reason)
        else:
            answer = daemon.mark(run, mark, reason=reason)
    _print(answer, json, f"{answer['id']}: {' '.join([*task, 'marked', mark])}")


TaskName = Annotated[
    str | None,
    typer.Argument(
        help="The task that asks; may be left out where only one does.", autocompletion=task_names
    ),
]
Form = Annotated[
    list[str] | None, typer.Option("--form", metavar="K=V", help="A field of its form; repeatable.")
]
Reason = Annotated[str, typer.Option(help="Kept with who answered and when.")]


def approve(
    run: RunId,
    task: TaskName = None,
    form: Form = None,
    reason: Reason = "",
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Approve what a run asks for: it goes on."""
    _answer(run, task, form, reason, url, json, approved=True)


def reject(
    run: RunId,
    task: TaskName = None,
    form: Form = None,
    reason: Reason = "",
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Reject what a run asks for: the task is skipped, and what stands behind it."""
    _answer(run, task, form, reason, url, json, approved=False)


def _answer(
    run: str,
    task: str | None,
    form: list[str] | None,
    reason: str,
    url: str,
    json: bool,
    *,
    approved: bool,
) -> None:
    with connect(url) as daemon:
        now = daemon.run(run)
        task = task or _asking(now)
        filled = _filled(now, task, parse_texts(form, "--form")) if form else None
        if approved:
            answer = daemon.approve(now["id"], task, form=filled, reason=reason)
        else:
            answer = daemon.reject(now["id"], task, form=filled, reason=reason)
    _print(answer, json, f"{answer['id']}: {task} {'approved' if approved else 'rejected'}")


def _filled(run: Any, task: str, given: Mapping[str, str]) -> Mapping[str, Any]:
    """What was given, read as the form of the task asks for it."""
    schema = next((wait["form"] for wait in run["waits"] if wait["task"] == task), None)
    return given if schema is None else read_form(schema, given)


def _asking(run: Any) -> str:
    """The one task of a run that waits for an answer."""
    names = [w["task"] for w in run["waits"] if w["kind"] == "approve" and not w["answered"]]
    if len(names) == 1:
        return str(names[0])
    if names:
        raise fail(f"several tasks of {run['id']} ask, name one: {', '.join(names)}", 2)
    raise fail(f"no task of {run['id']} waits for an answer: it is {run['state']}")


def note(
    run: RunId,
    text: Annotated[str, typer.Argument(help="What to remember of it; an empty text is none.")],
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Note something of a run."""
    with connect(url) as daemon:
        answer = daemon.annotate(run, note=text)
    _print(answer, json, f"{answer['id']}: {answer['note'] or 'no note'}")


def tag(
    run: RunId,
    tags: Annotated[list[str], typer.Argument(help="Tags.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them away.")] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Tag a run; `runs --tag` finds it."""
    with connect(url) as daemon:
        if remove:
            answer = daemon.annotate(run, remove_tags=tags)
        else:
            answer = daemon.annotate(run, add_tags=tags)
    _print(answer, json, f"{answer['id']}: {', '.join(answer['tags']) or 'no tags'}")


def _print(value: Any, as_json: bool, text: str) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
