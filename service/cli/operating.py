"""Commands about one run: cancel, retry, mark, approve, reject, note, tag."""

from __future__ import annotations

from collections.abc import Mapping
from getpass import getuser
from typing import Annotated, Any
from urllib.parse import quote

import typer

from triphammer.config.ids import new_id
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
from triphammer.service.web.forms import read_form

RunId = Annotated[str, typer.Argument(help="A run; the id may be shortened.")]

STATES = {
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
        answer = daemon.post(f"/api/v1/runs/{run}/cancel", json={"now": now}, headers=_who())
    _print(answer, json, f"{answer['id']}: cancelling")


def retry(
    run: RunId,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="This task and all behind it; also enrich[17] and shop[3]/load."
        ),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what failed, of maps these items.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Let a run that has ended begin again: whole, from a task on, or only what failed."""
    body = {"from": since, "failed_only": failed}
    with connect(url) as daemon:
        answer = daemon.post(f"/api/v1/runs/{run}/retry", json=body, headers=_who())
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
    body: dict[str, Any] = {"state": STATES.get(state, state), "reason": reason}
    if result is not None:
        body["result"] = json_argument(result, "--result")
    if len(task) > 1 or body["state"] not in STATES.values():
        told = "mark RUN TASK success|failed|skipped, or mark RUN success|failed"
        raise fail(f"{' '.join(what)!r} cannot be marked: {told}", 2)
    path = f"tasks/{quote(task[0])}/mark" if task else "mark"
    with connect(url) as daemon:
        answer = daemon.post(f"/api/v1/runs/{run}/{path}", json=body, headers=_who())
    _print(answer, json, f"{answer['id']}: {' '.join([*task, 'marked', body['state']])}")


TaskName = Annotated[
    str | None, typer.Argument(help="The task that asks; may be left out where only one does.")
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
    _answer("approve", run, task, form, reason, url, json)


def reject(
    run: RunId,
    task: TaskName = None,
    form: Form = None,
    reason: Reason = "",
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Reject what a run asks for: the task is skipped, and what stands behind it."""
    _answer("reject", run, task, form, reason, url, json)


def _answer(
    verb: str,
    run: str,
    task: str | None,
    form: list[str] | None,
    reason: str,
    url: str,
    json: bool,
) -> None:
    body: dict[str, Any] = {"reason": reason}
    with connect(url) as daemon:
        now = daemon.get(f"/api/v1/runs/{run}")
        task = task or _asking(now)
        if form:
            body["form"] = _filled(now, task, parse_texts(form, "--form"))
        path = f"/api/v1/runs/{run}/tasks/{quote(task)}/{verb}"
        answer = daemon.post(path, json=body, headers=_who())
    told = {"approve": "approved", "reject": "rejected"}[verb]
    _print(answer, json, f"{answer['id']}: {task} {told}")


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
        answer = daemon.patch(f"/api/v1/runs/{run}", json={"note": text}, headers=_who())
    _print(answer, json, f"{answer['id']}: {answer['note'] or 'no note'}")


def tag(
    run: RunId,
    tags: Annotated[list[str], typer.Argument(help="Tags.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them away.")] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Tag a run; `runs --tag` finds it."""
    body = {"remove_tags" if remove else "add_tags": tags}
    with connect(url) as daemon:
        answer = daemon.patch(f"/api/v1/runs/{run}", json=body, headers=_who())
    _print(answer, json, f"{answer['id']}: {', '.join(answer['tags']) or 'no tags'}")


def _who() -> dict[str, str]:
    """Who asks, and a key that makes it safe to send the request again after a lost answer."""
    return {"Triphammer-By": f"{_user()} (cli)", "Idempotency-Key": new_id("msg")}


def _user() -> str:
    try:
        return getuser().encode("ascii", "replace").decode()[:100]
    except (KeyError, OSError):  # no name for this number
        return "somebody"


def _print(value: Any, as_json: bool, text: str) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
