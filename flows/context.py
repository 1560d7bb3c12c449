"""What a running task can ask for: `context()`, its durable state, its messages."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from triphammer.config.secrets import Secrets
from triphammer.config.sizes import format_size
from triphammer.flows.artifacts import Artifact, Content, Told, described, read_from
from triphammer.flows.errors import NotInTask, TooLarge, ValueMisfit
from triphammer.flows.executors.processes.groups import Groups
from triphammer.flows.identities import key_of
from triphammer.flows.journal import Artifacts, Kept, OutMessage, StartRequest
from triphammer.flows.lent_secrets import lent_secrets
from triphammer.flows.opened import Opened
from triphammer.flows.outcomes import Ended
from triphammer.flows.workdir import RunFolder


class FlowState(MutableMapping[str, Any]):
    """The flow's durable mapping as one attempt sees it.

    Reads see what was committed at the attempt's first look, and its own writes; the writes
    commit with the task's success and are lost with a failed attempt. Values are JSON; a
    value read is a copy. Raises `ValueMisfit` for what JSON would change.
    """

    __slots__ = ("_flow", "_found", "_read", "_writes")

    def __init__(self, flow: str, read: Callable[[str], Mapping[str, bytes]]) -> None:
        self._flow = flow
        self._read = read
        self._found: Mapping[str, bytes] | None = None
        self._writes: dict[str, bytes | None] = {}

    @property
    def writes(self) -> Mapping[str, bytes | None]:
        """What this attempt has written so far; None deletes."""
        return dict(self._writes) if self._writes else _NOTHING

    @property
    def _committed(self) -> Mapping[str, bytes]:
        if self._found is None:
            found = self._read(self._flow)
            self._found = {k: v for k, v in found.items() if not k.startswith(RESERVED)}
        return self._found

    def _stored(self, key: str) -> bytes | None:
        return self._writes[key] if key in self._writes else self._committed.get(key)

    def __getitem__(self, key: str) -> Any:
        stored = self._stored(key)
        if stored is None:
            raise KeyError(key)
        return msgspec.json.decode(stored)

    def __setitem__(self, key: str, value: Any) -> None:
        self._writes[key] = state_value(key, value)

    def __delitem__(self, key: str) -> None:
        if self._stored(key) is None:
            raise KeyError(key)
        self._writes[key] = None

    def __iter__(self) -> Iterator[str]:
        keys = dict.fromkeys([*self._committed, *self._writes])
        return (key for key in keys if self._stored(key) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def state_value(key: str, value: Any) -> bytes:
    """A value of a flow's state as it is stored. Raises `ValueMisfit` for what JSON would
    change, and for a key that cannot be."""
    if not isinstance(key, str) or key.startswith(RESERVED):  # pyright: ignore[reportUnnecessaryIsInstance] - user's
        raise ValueMisfit(f"a key of state must be a text that does not begin with $: {key!r}")
    try:
        body = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueMisfit(f"state[{key!r}] must be JSON: {error}") from error
    if msgspec.json.decode(body) != value:
        raise ValueMisfit(f"state[{key!r}] would come back changed from JSON: {value!r}")
    return body


RESERVED = "$"
"""Keys of a flow's state that begin so are the engine's own."""
_NOTHING: Mapping[str, bytes | None] = {}
_LOGGER = logging.getLogger("triphammer.task")


class TaskContext:
    """One attempt of one task.

    `key` is the same for every attempt of one task or map item: an idempotency key.
    `deadline` is when the timeout ends it (UTC), None: never. `progress` may be called any
    time and from any thread; the last call is shown wherever the task is (`reached`), and
    `notice` is told of each. `outgoing` and `starts` join the attempt's commit.
    `upstream["parse"]` tells how a task right before this one has ended: `.state`, `.error`;
    `results["parse"]` is what it has given.
    `earlier` attempts were before an operator had the task run again.
    `groups` starts processes, `opened` has the resources, where the executor has lent them;
    `contained`: nothing may leave this process (the testing kit).
    """

    __slots__ = (
        "_folder",
        "_root",
        "attempt",
        "contained",
        "deadline",
        "earlier",
        "event",
        "files",
        "flow",
        "groups",
        "kept",
        "largest",
        "logger",
        "notice",
        "opened",
        "outgoing",
        "params",
        "reached",
        "results",
        "run",
        "secrets",
        "starts",
        "state",
        "task",
        "upstream",
    )

    def __init__(
        self,
        *,
        run: str,
        flow: str,
        task: str,
        attempt: int,
        event: Any,
        params: Mapping[str, Any],
        folder: RunFolder,
        state: Callable[[str], Mapping[str, bytes]],
        secrets: Secrets,
        upstream: Mapping[str, Ended] = MappingProxyType({}),
        results: Mapping[str, Any] = MappingProxyType({}),
        root: str = "",
        earlier: int = 0,
    ) -> None:
        self.run = run
        self.flow = flow
        self.task = task
        self.attempt = attempt
        self.earlier = earlier
        self.event = event
        self.params = params
        self.deadline: datetime | None = None
        self.secrets = secrets
        self.upstream = upstream
        self.results = results
        self._root = root
        self.groups: Groups | None = None
        self.opened: Opened | None = None
        self.contained = False
        self.state = FlowState(flow, state)
        self.files: Artifacts | None = None
        self.largest = sys.maxsize
        self.kept: list[Kept] = []
        self.outgoing: list[OutMessage] = []
        self.starts: list[StartRequest] = []
        self.logger = _LOGGER
        self._folder = folder
        self.reached: tuple[float, float] | None = None
        self.notice: Callable[[TaskContext], None] | None = None

    def begin(self, now: int, timeout: float | None) -> None:
        """The body begins at `now` (microseconds UTC); the executor says so."""
        if timeout is not None:
            self.deadline = datetime.fromtimestamp(now / 1e6, UTC) + timedelta(seconds=timeout)

    @property
    def key(self) -> str:
        """The idempotency key: the same for every attempt of this task or map item."""
        return key_of(self.run, self.task)

    @property
    def root(self) -> Path:
        """The project's folder; without a project the working directory."""
        return Path(self._root)

    @property
    def workdir(self) -> Path:
        """A folder that is private to the run; removed after it has succeeded."""
        return self._folder.path

    def used_workdir(self) -> None:
        """Another process may have made the folder: it is to be removed like our own."""
        self._folder.used = True

    def artifact(self, name: str, source: Content, media_type: str | None = None) -> Artifact:
        """Keep a file, bytes or a text under `name`; see `artifact`. Raises as it does."""
        name, media_type = described(name, media_type, source)
        if self.files is None:
            raise NotInTask(f"the artifact {name} cannot be kept here")
        content = source.encode() if isinstance(source, str) else source
        given = content if isinstance(content, bytes) else Path(content)
        try:
            digest, size = self.files.keep(given, self.largest)
        except TooLarge as error:
            told = f"the artifact {name} of {self.task} has at least {format_size(error.size)}"
            most = format_size(self.largest)
            raise ValueMisfit(f"{told}; [limits] artifact allows {most}") from None
        at = time.time_ns() // 1000
        kept = Kept(name=name, digest=digest, media_type=media_type, size=size, at=at)
        self.kept.append(kept)
        return Artifact(digest, Told(name, media_type, size), self.files)

    def progress(self, done: float, total: float) -> None:
        """Say how far the task is: 3 of 10. Raises `ValueMisfit` for what is no number."""
        try:
            reached = float(done), float(total)
        except (TypeError, ValueError, OverflowError):
            reached = math.nan, math.nan
        if not all(map(math.isfinite, reached)):
            raise ValueMisfit(f"progress(done, total) takes two numbers, not {done!r}, {total!r}")
        self.reached = reached
        if self.notice is not None:
            self.notice(self)


_CURRENT: ContextVar[TaskContext | None] = ContextVar("triphammer_task", default=None)


def current_context() -> TaskContext | None:
    """The attempt that runs here, if any."""
    return _CURRENT.get()


def enter_context(context: TaskContext | None) -> None:
    """Make `context` the one that runs here; the executor calls it in the attempt's own copy."""
    _CURRENT.set(context)
    read_from(None if context is None else context.files)


def current_secrets() -> Secrets | None:
    """Those of the attempt that runs here, or of the resource that is opened here."""
    found = _CURRENT.get()
    return lent_secrets() if found is None else found.secrets


def context() -> TaskContext:
    """The running task's context. Raises `NotInTask` elsewhere."""
    found = _CURRENT.get()
    if found is None:
        raise NotInTask("context() is only there inside a running task")
    return found
