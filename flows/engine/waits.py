"""What a task that waits asks for, and what becomes of it by the answer. Pure but for the values
of the run that are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from triphammer.config.durations import format_duration, micros, parse_duration
from triphammer.config.patterns import compile_pattern
from triphammer.flows.codec import to_plain
from triphammer.flows.engine.run_scope import NOTHING
from triphammer.flows.errors import Rejected, WaitTimeout
from triphammer.flows.expr import Scope, resolve
from triphammer.flows.graph import Node
from triphammer.flows.journal import Encoded, ErrorInfo, Wait, WaitAnswer

WAITS = frozenset({"sleep", "wait_for", "approve"})
"""The kinds of tasks that wait."""
MARKED = "marked "
"""How an answer begins by which somebody says how the task has ended; its state follows."""
WITHDRAWN = "Withdrawn"
"""The type of error in the row of a wait that nobody needs any more."""


class Settled(NamedTuple):
    """How a task that waits has ended: its state, its result, why it has none."""

    state: str
    result: Encoded | None = None
    error: ErrorInfo | None = None


def wanted(node: Node, task: str, scope: Scope, now: int, zone: str) -> Wait:
    """What `task` waits for from `now` on. Raises what its values raise."""
    asked: dict[str, Any] = {name: resolve(value, scope) for name, value in node.kwargs.items()}
    if node.spec.kind == "sleep":
        return Wait(task=task, kind="sleep", due_at=now + micros(asked["duration"]))
    timeout = asked["timeout"]
    due = None if timeout is None else now + micros(timeout)
    if node.spec.kind == "approve":
        title, schema = str(asked["title"]), node.kwargs["schema"]
        return Wait(task=task, kind="approve", due_at=due, title=title, form=schema)
    pattern = to_plain(asked["pattern"])
    compile_pattern(pattern)
    return Wait(
        task=task,
        kind="wait_for",
        due_at=due,
        since=_since(asked["since"], now, zone),
        pattern=pattern,
        by=tuple(asked["by"]),
    )


def settled(node: Node, answer: WaitAnswer, waited: int) -> Settled:
    """What becomes of a task by its answer after so many microseconds."""
    if answer.how.startswith(MARKED):
        return _marked(answer)
    if node.spec.kind == "sleep" or answer.how in ("event", "approved"):
        return Settled("succeeded", answer.value or NOTHING)
    if answer.how == "rejected":
        error = ErrorInfo(Rejected.__name__, f"rejected by {answer.by}")
        return Settled("skipped", answer.value, error)
    came = "nobody answered" if node.spec.kind == "approve" else "nothing came"
    text, what = f"{came} within {_lasted(waited)}", node.kwargs["on_timeout"]
    error = ErrorInfo((Rejected if what == "reject" else WaitTimeout).__name__, text)
    return Settled("failed" if what == "fail" else "skipped", None, error)


def _marked(answer: WaitAnswer) -> Settled:
    state = answer.how.removeprefix(MARKED)
    if state == "succeeded":
        return Settled(state, answer.value or NOTHING)
    return Settled(state, None, ErrorInfo(MARKED.strip().capitalize(), answer.by))


def _since(since: Any, now: int, zone: str) -> int | None:
    if since == "run":
        return None
    if since == "start_of_day":
        return start_of_day(now, zone)
    return now - micros(since)


def start_of_day(now: int, zone: str) -> int:
    """When the day of `now` began in a time zone (microseconds since 1970)."""
    moment = datetime.fromtimestamp(now / 1e6, UTC).astimezone(ZoneInfo(zone))
    midnight = datetime.combine(moment.date(), time(), moment.tzinfo)
    return int(midnight.timestamp()) * 1_000_000


def _lasted(waited: int) -> str:
    return format_duration(parse_duration(waited / 1e6))
