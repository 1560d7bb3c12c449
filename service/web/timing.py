"""When each task of a run waited, ran and was tried again, as pieces of bars on one line of time.

All times are microseconds, all places percents of the width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triphammer.flows.journal import TaskRow
from triphammer.service.store.run_reads import AttemptTime

NARROWEST = 0.4
"""Percent of the picture that the bar of a very short attempt takes."""
TICKS = 6
"""Marks on the line of time, at most."""
WAITS = frozenset({"sleep", "wait_for", "approve"})
"""Kinds of tasks whose time is not spent on work."""
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
LONG_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200)
DAY = 86_400
PAUSE = "waited to be tried again"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a task's time. `kind`: "queued" (it could have begun), "retry" (between two
    attempts), "waiting" (for time, an event or a person), "ended" (the run had ended, until it was
    retried) or "attempt"."""

    kind: str
    state: str
    left: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Track:
    """The pieces of one task. `text` says the same as they show."""

    name: str
    pieces: Sequence[Piece]

    @property
    def text(self) -> str:
        """What the pieces show, in words."""
        return "; ".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the line of time and how long after its beginning it stands."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The run's own time, that of its tasks, and marks."""

    whole: Track
    tracks: Mapping[str, Track]
    ticks: Sequence[Tick]


@dataclass(frozen=True, slots=True)
class _Span:
    """A piece before it has a place."""

    kind: str
    state: str
    begin: int
    end: int
    what: str


@dataclass(frozen=True, slots=True)
class RunTime:
    """When a run was created, began and ended; `now` stands for what has not come yet. Of a run
    that was retried `started` and `finished` are those since the last of its `retries`."""

    created: int
    started: int | None
    finished: int | None
    state: str
    now: int
    retries: Sequence[int] = ()

    @property
    def end(self) -> int:
        """The end of the picture."""
        return max(self.now if self.finished is None else self.finished, self.created + 1)


def timeline(
    run: RunTime,
    nodes: Sequence[Mapping[str, Any]],
    tasks: Mapping[str, TaskRow],
    failed: Sequence[AttemptTime],
) -> Timeline:
    """The picture of a run whose graph has `nodes` (none when its code is gone)."""
    tries: dict[str, list[AttemptTime]] = {}
    for attempt in failed:
        tries.setdefault(attempt.task, []).append(attempt)
    known = {node["name"]: node for node in nodes}
    tracks: dict[str, Track] = {}
    for name, task in tasks.items():
        ready = _ready(known.get(name), tasks, run)
        waits = known.get(name, {}).get("kind") in WAITS
        spans = _spans(task, tries.get(name, ()), ready, run, waits=waits)
        tracks[name] = _track(name, spans, run)
    ends = [attempt.finished_at for attempt in failed]
    ends += [task.finished_at for task in tasks.values() if task.finished_at is not None]
    whole = _track("", [*_earlier(run, ends), *_whole(run)], run)
    return Timeline(whole, tracks, ticks(run.end - run.created))


def ticks(length: int) -> Sequence[Tick]:
    """Marks at round times of a picture of `length` microseconds."""
    step = _step(length)
    return [
        Tick(round(100 * at / length, 3), lasting(at / 1e6) if at else "0")
        for at in range(0, length + 1, step)
    ]


def _step(length: int) -> int:
    """Microseconds between two marks: the shortest round time that leaves room for them."""
    for step in (*(n * 1000 for n in STEPS), *(n * 1_000_000 for n in LONG_STEPS)):
        if length / step <= TICKS:
            return step
    days = 1
    while length / (days * DAY * 1_000_000) > TICKS:
        days *= 2
    return days * DAY * 1_000_000


def lasting(seconds: float) -> str:
    """A length of time in the unit that fits."""
    if 0 < seconds < 0.001:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.1f}".removesuffix(".0") + " min"
    if seconds < 2 * DAY:
        return f"{seconds / 3600:.1f}".removesuffix(".0") + " h"
    return f"{seconds / DAY:.1f}".removesuffix(".0") + " days"


def _earlier(run: RunTime, ends: Sequence[int]) -> Iterator[_Span]:
    """The run before it was retried. When it began and ended then is not kept: the last known end
    of a task stands for it."""
    begin = run.created
    for at in run.retries:
        last = max((end for end in ends if begin < end <= at), default=begin)
        if last > begin:
            yield _Span("attempt", "earlier", begin, last, "ran before it was retried")
        what = "had ended" if last > begin else "before it was retried"
        yield _Span("ended", "ended", last, at, what)
        begin = at


def _whole(run: RunTime) -> Iterator[_Span]:
    began = run.end if run.started is None else run.started
    created = run.retries[-1] if run.retries else run.created
    if began > created:
        yield _Span("queued", "queued", created, began, "queued")
    if run.started is not None:
        kind = "waiting" if run.state == "waiting" else "attempt"
        yield _Span(kind, run.state, run.started, run.end, run.state)


def _ready(node: Mapping[str, Any] | None, tasks: Mapping[str, TaskRow], run: RunTime) -> int:
    """When a task could have begun: after the last of its upstreams."""
    first = run.created if run.started is None else run.started
    above = [tasks[up] for up in (node or {}).get("upstream", ()) if up in tasks]
    return max((task.finished_at or first for task in above), default=first)


def _spans(
    task: TaskRow, failed: Sequence[AttemptTime], ready: int, run: RunTime, *, waits: bool
) -> list[_Span]:
    """What a task did, in order."""
    spans = list(_before(failed, ready, run))
    last = task.started_at
    if last is not None and last not in {attempt.started_at for attempt in failed}:
        end = task.finished_at or run.end
        kind = "waiting" if waits or task.state == "waiting" else "attempt"
        if spans:
            spans += _between(spans[-1].end, last, ready, run)
        what = "waited" if waits else f"attempt {task.attempt} {task.state}"
        spans.append(_Span(kind, task.state, last, end, what))
    elif task.state == "retrying" and spans:
        spans.append(_Span("retry", "retrying", spans[-1].end, run.end, "waits to be tried again"))
    first = spans[0].begin if spans else 0
    since = max([ready, *(at for at in run.retries if at <= first)])
    if spans and not waits and first > since:
        spans.insert(0, _Span("queued", "queued", since, first, "queued"))
    return spans


def _between(end: int, begin: int, ready: int, run: RunTime) -> Iterator[_Span]:
    """From the end of an attempt to the next one: it was to be tried again, or the run had ended
    and was retried."""
    at = max((at for at in run.retries if end <= at <= begin), default=None)
    if at is None:
        yield _Span("retry", "retrying", end, begin, PAUSE)
        return
    yield _Span("ended", "ended", end, at, "until the run was retried")
    if begin > max(at, ready):
        yield _Span("queued", "queued", max(at, ready), begin, "queued")


def _before(failed: Sequence[AttemptTime], ready: int, run: RunTime) -> Iterator[_Span]:
    """The attempts that failed, and the time between them."""
    end: int | None = None
    for attempt in failed:
        if end is not None:
            yield from _between(end, attempt.started_at, ready, run)
        end = attempt.finished_at
        what = f"attempt {attempt.attempt} failed"
        yield _Span("attempt", "failed", attempt.started_at, end, what)


def _track(name: str, spans: Sequence[_Span], run: RunTime) -> Track:
    return Track(name, [_piece(span, run) for span in spans if span.end >= span.begin])


def _piece(span: _Span, run: RunTime) -> Piece:
    """A piece that can be seen however short it is, and ends within the picture."""
    length = run.end - run.created
    least = NARROWEST if span.kind in ("attempt", "waiting") else 0
    width = min(max(100 * (span.end - span.begin) / length, least), 100)
    left = min(max(100 * (span.begin - run.created) / length, 0), 100 - width)
    text = f"{span.what}, {lasting((span.end - span.begin) / 1e6)}"
    return Piece(span.kind, span.state, round(left, 3), round(width, 3), text)
