"""What the routes of `looking.py` answer: the daemon and its flows at a glance."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from triphammer.service.web.documents import Moment, Page, RunState, TaskState
from triphammer.service.web.models import Message

Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]


class RunInShort(TypedDict):
    """A run without what was given and what came out. `seconds`: from its start to its end."""

    id: str
    flow: str
    state: RunState
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    seconds: float | None


class Failure(RunInShort):
    """A run that has failed, and why."""

    reason: str | None


class SourceRate(TypedDict):
    """Events of one source; `source` null: those of sources that are not told apart."""

    source: str | None
    events: int
    per_second: float


class EventRates(TypedDict):
    """All events that were stored in the last `seconds`, since the start at most: also those of
    backfills and of runs asked for by hand. `steps` are their counts in equal stretches of that
    time, the oldest first."""

    seconds: int
    per_second: float
    steps: list[int]
    sources: list[SourceRate]


class NextFire(TypedDict):
    """When a timer of a flow fires next."""

    flow: str
    at: Moment


class Trouble(TypedDict):
    """A part of the daemon that does not work, and why."""

    part: str
    reason: str
    since: Moment


class FlowsInShort(TypedDict):
    """How many flows serve, and which of them are paused or have a broken file."""

    live: int
    paused: list[str]
    wrong: list[str]


class Stats(TypedDict):
    """What happens now. `runs` and `messages` count by state; `under_way` are the newest runs that
    are, `failures` those that failed last."""

    at: Moment
    ready: bool
    runs: dict[str, int]
    messages: dict[str, int]
    events: EventRates
    under_way: list[RunInShort]
    failures: list[Failure]
    next_fires: list[NextFire]
    troubles: list[Trouble]
    flows: FlowsInShort


class DayOfRuns(TypedDict):
    """How the runs that were made on a day (UTC) have ended, by state."""

    day: Day
    runs: dict[str, int]


class FlowStats(TypedDict):
    """How a flow has been doing. `ended` are its last runs, those that ended last first; of them
    are `success_rate` (of those that succeeded or failed) and `p50` and `p95`, seconds of those
    that succeeded. `days` also count runs that are removed meanwhile."""

    flow: str
    ended: list[RunInShort]
    success_rate: float | None
    p50: float | None
    p95: float | None
    days: list[DayOfRuns]


class Cell(TypedDict):
    """A task in a grid. Of a map: how many `items` it has and how many of them failed."""

    name: str
    state: TaskState
    attempt: int
    started_at: Moment | None
    finished_at: Moment | None
    seconds: float | None
    items: int | None
    failed_items: int


class GridLine(RunInShort):
    """A run and its tasks, in the order in which they began."""

    version: str
    tasks: list[Cell]


class Grid(Page[GridLine]):
    """The newest runs of a flow with the state of each of their tasks."""


class Outbox(Page[Message]):
    """A page of outgoing messages, newest first."""


class MessageInFull(Message):
    """One outgoing message with its content. `body` is JSON, or text; null where it is neither,
    too long, or there is none. `refused` is why its target is sent nothing more."""

    flow: str
    content_type: str
    headers: dict[str, str]
    size: int
    body: Any
    refused: str | None


class Brought(TypedDict):
    """An event that a sensor has brought."""

    event: str
    type: str
    subject: str | None
    at: Moment


class Position(TypedDict):
    """How far a sensor has come in a part of its source. `behind`: what is there and not taken in
    yet, where that is known."""

    key: str
    value: str
    behind: int | None


class Sensor(TypedDict):
    """One sensor. `reason` is null while it works; one that is `paused` takes nothing. `events`
    counts what it has brought since the start, `last` are the newest of these; of `positions` the
    first are told. `next_fire` is that of a timer, `behind` all that is not taken in yet, where
    that is known."""

    id: str
    kind: str
    name: str
    flows: list[str]
    paused: bool
    reason: str | None
    since: Moment | None
    failures: int
    events: int
    last: list[Brought]
    positions: list[Position]
    more_positions: bool
    behind: int | None
    next_fire: Moment | None


class Sensors(Page[Sensor]):
    """All sensors."""


class Retention(TypedDict):
    """For how many seconds what has ended is kept; of events also how many at most. `failed` null:
    runs that have failed are kept until somebody redrives or skips them."""

    payload: float
    failed: float | None
    identities: float
    audit: float
    events: int | None


class StoreState(TypedDict):
    """How large the data folder's databases are, in bytes. `free` is used again before the database
    grows. Of `tasks` only about how many there are is known."""

    folder: str
    bytes: int
    free: int
    write_ahead_log: int
    logs: int
    schema: int
    events: int
    runs: int
    tasks: int
    messages: int
    oldest_event_at: Moment | None
    oldest_run_at: Moment | None
    retention: Retention


class Setting(TypedDict):
    """The value that holds, and where it came from; secrets are masked."""

    key: str
    value: str
    origin: str


class SettingsInForce(Page[Setting]):
    """Every key of the settings."""

    version: str
    root: str
    folder: str


class Shown(TypedDict):
    """A value; one that is too large is not shown."""

    size: int
    value: Any


class Compared(RunInShort):
    """One of the runs that are compared."""

    version: str
    event: str
    params: dict[str, Any]
    result: Shown | None
    reason: str | None


class ComparedTask(TypedDict):
    """A task in each of the runs, in their order; null where it has not begun."""

    name: str
    cells: list[Cell | None]


class Comparison(TypedDict):
    """Runs side by side. `different` names the parameters whose values are not the same in all."""

    runs: list[Compared]
    different: list[str]
    tasks: list[ComparedTask]
