"""What the API answers, as types: the checker holds the views to them, and the OpenAPI document
is made of them."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from triphammer.service.store.backfills import TICK_STATES
from triphammer.service.web.documents import (
    MessageState,
    Misfit,
    Moment,
    Page,
    Problem,
    RunState,
    TaskState,
)

__all__ = ["Misfit", "Page", "Problem"]


class Accepted(TypedDict):
    """What became of an event: `event` is its key, that of the first one for a duplicate."""

    event: str
    id: str
    source: str
    duplicate: bool
    runs: list[str]


class AcceptedEvents(TypedDict):
    """What became of posted events, one each, in their order."""

    events: list[Accepted]


class Error(TypedDict):
    """Why something failed."""

    type: str
    message: str
    traceback: str | None


class Run(TypedDict):
    """One execution of a flow. `event` is the key of the event that it runs on."""

    id: str
    flow: str
    version: str
    state: RunState
    event: str
    params: dict[str, Any]
    result: Any
    error: Error | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    note: str
    tags: list[str]


class Runs(Page[Run]):
    """A page of runs, newest first."""


class Reached(TypedDict):
    """How far a task says that it is."""

    done: float
    total: float


class Task(TypedDict):
    """One task of a run, or one item of a map. `cached_from` is the run that its result was taken
    from, in place of running."""

    name: str
    state: TaskState
    attempt: int
    started_at: Moment | None
    finished_at: Moment | None
    error: Error | None
    progress: Reached | None
    cached_from: str | None


class Attempt(TypedDict):
    """One try of a task that failed."""

    attempt: int
    started_at: Moment | None
    finished_at: Moment | None
    error: Error | None


class TaskInFull(Task):
    """One task with its result and its failed attempts; of a map, how many items are in which
    state."""

    items: dict[str, int] | None
    result: Any
    due_at: Moment | None
    attempts: list[Attempt]


class Message(TypedDict):
    """One outgoing webhook or Kafka message. `due_at` is null unless it is pending."""

    id: str
    kind: str
    target: str
    key: str | None
    run: str
    task: str
    state: MessageState
    attempts: int
    created_at: Moment
    due_at: Moment | None
    error: str | None


class Node(TypedDict):
    """One task of a flow's graph. `timeout` is in seconds, `where` the file and line, `groups`
    those that it stands in from the outside in, `role` what it is beside work, `rate` attempts a
    second."""

    name: str
    task: str
    kind: str
    mapped: bool
    upstream: list[str]
    groups: list[str]
    role: str
    when: str | None
    where: str
    executor: str
    env: str | None
    retries: int
    retry_on: list[str]
    never_retry: list[str]
    rate: float | None
    breaker: str | None
    cache: bool
    cache_age: float | None
    pool: str | None
    slots: int
    priority: int
    timeout: float | None
    trigger_rule: str


class Graph(TypedDict):
    """What a flow has drawn, each node after its upstreams."""

    nodes: list[Node]


class Operation(TypedDict):
    """What an operator has done to a run."""

    at: Moment
    by: str
    what: str
    detail: str


class Wait(TypedDict):
    """What a task waits for. `kind`: `sleep`, `wait_for` (an event that matches `pattern`) or
    `approve` (an answer to `title`, with a `form` whose JSON schema this is). `due_at`: when its
    time is over. `answered`: it has come, and the run is about to go on."""

    task: str
    kind: Annotated[str, Meta(extra_json_schema={"enum": ["sleep", "wait_for", "approve"]})]
    began_at: Moment
    due_at: Moment | None
    pattern: dict[str, Any] | None
    title: str | None
    form: dict[str, Any] | None
    answered: bool


class RunInFull(Run):
    """One run with its tasks, what it waits for, messages, what operators have done to it, and its
    graph (null when its code is gone). `next` is the `after` of the next page of tasks;
    `queued_for` says what a queued run waits for, `still_running` are tasks that were to end and
    whose code goes on."""

    tasks: list[TaskInFull]
    waits: list[Wait]
    queued_for: str | None
    still_running: list[str]
    operations: list[Operation]
    next: str | None
    messages: list[Message]
    graph: Graph | None


class StoredValue(TypedDict):
    """A result as it is stored. `kind`: `json`, `msgpack`, or `artifact`, whose `body` is the
    hash of its content and `media` says what the content is."""

    kind: str
    body: bytes
    media: str


class StoredTask(TypedDict):
    """One task or map item as it is stored; `items` of a map is how many it has."""

    name: str
    state: TaskState
    attempt: int
    items: int | None
    error: Error | None
    result: StoredValue | None


class StoredTasks(TypedDict):
    """Tasks in the order in which they were first stored. `next` is the `after` of the next
    page."""

    items: list[StoredTask]
    next: str | None


class Artifact(TypedDict):
    """A file that a task has kept; `url` is where its content is, `size` in bytes."""

    name: str
    task: str
    digest: str
    media_type: str
    size: int
    created_at: Moment
    url: str


class Artifacts(TypedDict):
    """The files that the tasks of a run have kept, in order."""

    items: list[Artifact]


class TaskResult(TypedDict):
    """What a task has given; of a map the list of what its items have, null where there is
    nothing."""

    task: str
    state: TaskState
    result: Any


class LogLine(TypedDict):
    """One captured line."""

    seq: int
    task: str
    attempt: int
    at: Moment
    level: str
    text: str


class Logs(TypedDict):
    """Captured lines in order. `next` is the `after` of the next page."""

    items: list[LogLine]
    next: int | None


Serving = Annotated[str, Meta(extra_json_schema={"enum": ["live", "removed"]})]


class Flow(TypedDict):
    """One flow as it serves now. `runs` counts its runs by state. `timeout` and `deadline` are
    in seconds, `per` and `order_by` paths into the event. `error` tells what is wrong with its
    file, in whose place its last good version serves. One that is `removed` takes no events; its
    runs go on. `notify` null: those of `[notify]`."""

    name: str
    version: str
    state: Serving
    error: str | None
    doc: str
    file: str
    line: int
    paused: bool
    mode: str
    max_runs: int
    per: str | None
    order_by: str | None
    timeout: float | None
    deadline: float | None
    notify: list[str] | None
    on: list[str]
    params: dict[str, dict[str, Any]]
    runs: dict[str, int]
    next_fire: Moment | None


class Subscription(TypedDict):
    """What a flow listens to, in words. `conditions` must all hold of the event besides; `written`
    is the source as the flow file has it."""

    kind: str
    sentence: str
    conditions: list[str]
    notes: list[str]
    written: str


class FlowInFull(Flow):
    """One flow with its graph. `params_schema` is the JSON schema (2020-12) of what a start may
    give as `params`. `sharing` says in words what a run does that finds another under way.
    `event_reads` is what its tasks take from the event, such as `data.prices`: a start without
    an event does not have it."""

    graph: Graph
    params_schema: dict[str, Any]
    subscriptions: list[Subscription]
    sharing: str
    event_reads: list[str]


class RemovedFlow(TypedDict):
    """A flow that serves no more, whose runs or state are still there."""

    name: str
    version: str
    file: str
    paused: bool
    removed_at: Moment | None
    runs: dict[str, int]


class Flows(TypedDict):
    """All flows; there is one page of them. `errors` tell what is wrong with flow files, as
    `file:line: message`."""

    items: list[Flow]
    next: None
    removed: list[RemovedFlow]
    errors: list[str]


class Event(TypedDict):
    """One event. `data_encoding` is `base64` where the data is no JSON; `duplicates` counts later
    arrivals."""

    key: str
    id: str
    source: str
    type: str
    subject: str | None
    time: Moment
    received_at: Moment
    data: Any
    data_encoding: NotRequired[str]
    headers: dict[str, str]
    extensions: dict[str, Any]
    content_type: str
    duplicates: int


class Events(Page[Event]):
    """A page of events, newest first. `searched_to` is when the oldest event came that a search has
    looked at; null for a list, and where there was none."""

    searched_to: Moment | None


class Disposition(TypedDict):
    """What became of an event for one subscription, and why."""

    subscription: str
    flow: str
    outcome: str
    detail: str | None
    run: str | None


class EventInFull(Event):
    """One event with its outcome for each subscription."""

    dispositions: list[Disposition]


BackfillState = Annotated[
    str, Meta(extra_json_schema={"enum": ["running", "succeeded", "failed", "cancelled"]})
]
TickState = Annotated[str, Meta(extra_json_schema={"enum": list(TICK_STATES)})]


Span = TypedDict(
    "Span",
    {
        "flow": str,
        "from": Moment,
        "to": Moment,
        "order": str,
        "only": str | None,
        "again": bool,
        "max_parallel": int,
    },
)
"""Which ticks of a flow are asked for: those due between the two times, both included."""


class Tick(TypedDict):
    """One tick of a backfill: `pending`, `running` once it has a run, then how that ended, or
    `skipped`; `detail` says why, or what became of it before."""

    due: Moment
    state: TickState
    run: str | None
    detail: str | None


class Backfill(Span):
    """A backfill. `ticks` counts its ticks by state, `total` all of them."""

    id: str
    state: BackfillState
    total: int
    ticks: dict[str, int]
    created_at: Moment
    finished_at: Moment | None


class Backfills(Page[Backfill]):
    """A page of backfills, newest first."""


class BackfillInFull(Backfill):
    """A backfill with its ticks in order. `next` is the `after` of the next page."""

    items: list[Tick]
    next: Moment | None


class BackfillPlan(Span):
    """What a backfill would do: ticks `pending` would become runs, the others are skipped."""

    total: int
    ticks: dict[str, int]
    items: list[Tick]


CircuitState = Annotated[str, Meta(extra_json_schema={"enum": ["closed", "open", "half_open"]})]


class CircuitBreaker(TypedDict):
    """A circuit breaker of tasks. `failures` within its window, `waiting` attempts that it holds
    back, `until` when it lets the next one through as a probe."""

    name: str
    state: CircuitState
    failures: int
    waiting: int
    until: Moment | None


class CircuitBreakers(TypedDict):
    """All circuit breakers that an attempt has met since the start of the daemon."""

    items: list[CircuitBreaker]
    next: None


class Pruned(TypedDict):
    """What was removed, or would be: `lines` of logs, `bytes` of artifacts, `folders` of runs,
    rows of the `audit` log."""

    events: int
    runs: int
    identities: int
    lines: int
    artifacts: int
    bytes: int
    folders: int
    audit: int


class FlowState(TypedDict):
    """All that a flow remembers."""

    flow: str
    values: dict[str, Any]


class StateValue(TypedDict):
    """One value of a flow's state."""

    flow: str
    key: str
    value: Any


class StateWritten(TypedDict):
    """Which keys were written or deleted. `under_way`: tasks that were under way then; what they
    write themselves has the last word."""

    flow: str
    keys: list[str]
    under_way: list[str]


class DeadLetter(TypedDict):
    """Something that will not go on by itself; it died `at`."""

    kind: str
    id: str
    flow: str | None
    run: str | None
    target: str | None
    key: str | None
    reason: str
    attempts: int
    created_at: Moment
    at: Moment


class DeadLetters(Page[DeadLetter]):
    """A page of dead letters, kind by kind, the newest first."""


class Refused(TypedDict):
    """A dead letter that cannot be helped now."""

    id: str
    reason: str


class Redriven(TypedDict):
    """How many have a new life, and as which `runs` (of very many the first). `enabled`: a target
    that had answered 410 is sent to again."""

    redriven: int
    runs: list[str]
    not_dead: list[str]
    refused: list[Refused]
    enabled: bool


class Skipped(TypedDict):
    """How many were given up for good."""

    skipped: int
    not_dead: list[str]
    refused: list[Refused]


class Alive(TypedDict):
    """The service loop turns."""

    status: str


class Part(TypedDict):
    """One part of the daemon: whether it works, or why not, and since when."""

    ok: bool
    reason: str | None
    since: Moment
    restarts: int
    essential: bool


class Health(TypedDict):
    """Whether every essential part works, and each part by name."""

    status: str
    parts: dict[str, Part]
