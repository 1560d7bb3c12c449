"""The far side of an executor: a parcel becomes an attempt again and is performed.

The same version of the flow is loaded by the same finder as in the daemon; what the body
stores is collected and travels back with its result.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock

import msgspec

from triphammer.config.secrets import Secrets
from triphammer.flows.copying import copy_into
from triphammer.flows.engine.attempts import make_attempt
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Launch, RunStart
from triphammer.flows.errors import FlowError
from triphammer.flows.executors.contract import Attempt, AttemptResult, Parcel
from triphammer.flows.executors.outcome import describe
from triphammer.flows.journal import Artifacts, ErrorInfo
from triphammer.flows.loader import load_version
from triphammer.flows.modules import PREFIX
from triphammer.flows.workdir import RunFolder

VERSIONS = 64
"""So many versions of flows are kept loaded."""


class Outcome(msgspec.Struct, frozen=True):
    """What travels back: the result, the contents that it names, whether it used the run's
    folder, and how many lines of its log were dropped. `files` are where contents lie, by hash."""

    result: AttemptResult
    artifacts: Mapping[str, bytes]
    used_folder: bool = False
    dropped: int = 0
    files: Mapping[str, str] = {}


KEPT = ".kept"
"""Where in a run's folder files lie until the daemon has taken them."""


class SentArtifacts:
    """Contents that came with a parcel; those put here are collected in `made`, and the places
    of those that are files in `files`. `place` is where the daemon has its own."""

    def __init__(self, contents: Mapping[str, bytes], place: str, folder: RunFolder) -> None:
        self._contents = dict(contents)
        self._folder = folder
        self._kept: Path | None = None
        self.place = place
        self.made: dict[str, bytes] = {}
        self.files: dict[str, str] = {}

    def keep(self, source: bytes | Path, most: int) -> tuple[str, int]:
        """Copy a content to where the daemon finds it."""
        digest, size, file = copy_into(self._place_of_own(), source, most)
        self.files[digest] = str(file)
        return digest, size

    def _place_of_own(self) -> Path:
        # The daemon takes files away from there: another attempt of the run may have kept the same.
        if self._kept is None:
            kept = self._folder.path / KEPT
            kept.mkdir(exist_ok=True)
            self._kept = Path(mkdtemp(dir=kept))
        return self._kept

    def path(self, digest: str) -> Path:
        """Where a file lies. Raises `FlowError` when this machine does not have it."""
        mine = self.files.get(digest)
        path = Path(self.place) / digest[:2] / digest[2:] if mine is None else Path(mine)
        if not path.is_file():
            raise FlowError(f"the file of artifact {digest} is not on this machine")
        return path

    def put(self, content: bytes) -> str:
        """Keep `content` for the way back; its SHA-256 in hex."""
        digest = hashlib.sha256(content).hexdigest()
        self._contents[digest] = self.made[digest] = content
        return digest

    def get(self, digest: str) -> bytes:
        """The content of `digest`. Raises `FlowError` when it did not come along."""
        try:
            return self._contents[digest]
        except KeyError:
            raise FlowError(f"artifact {digest} was not sent with the task") from None


class Plans:
    """The versions of flows that this process has loaded."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], Plan] = {}
        self._lock = Lock()

    def of(self, parcel: Parcel) -> Plan:
        """The parcel's flow at its version. Raises `GraphError` when it does not load here."""
        with self._lock:
            return self._of(parcel)

    def _of(self, parcel: Parcel) -> Plan:
        plan = self._known.get(_key(parcel))
        if plan is None:
            while len(self._known) >= VERSIONS:
                del self._known[next(iter(self._known))]
            root = Path(parcel.root)
            flow = load_version(root, parcel.flow, parcel.file, parcel.sources)
            plan = self._known[_key(parcel)] = Plan(flow)
            if not parcel.module.startswith(PREFIX):
                # The sender has imported the file as usual and pickles its classes so.
                sys.modules[parcel.module] = sys.modules[flow.module]
        return plan


def _key(parcel: Parcel) -> tuple[str, str, str]:
    return parcel.root, parcel.flow, parcel.version


def unpack(
    parcel: Parcel, plan: Plan, secrets: Secrets, artifacts: SentArtifacts, folder: RunFolder
) -> Attempt:
    """The attempt as the sender had it. Raises whatever unpickling the user's values does."""
    event, params, results, ends, turns, value = pickle.loads(parcel.values)
    scope = RunScope(plan, event=event, params=params, artifacts=artifacts, secrets=secrets)
    scope.results.update(results)
    scope.ends.update(ends)
    scope.turns.update(turns)
    start = RunStart(
        id=parcel.id.run,
        epoch=parcel.id.epoch,
        flow=plan.flow,
        event=event,
        params=params,
        created_at=0,
    )
    node = plan.every[parcel.node]
    launch = Launch(node, parcel.id.task, parcel.id.attempt, parcel.item, value)
    return make_attempt(
        start,
        launch,
        scope,
        state=lambda _: parcel.state,
        folder=folder,
        earlier=parcel.earlier,
        largest=parcel.largest,
    )


def perform(
    parcel: Parcel,
    plans: Plans,
    secrets: Secrets,
    folder: RunFolder,
    now: Callable[[], int],
    body: Callable[[Attempt], AttemptResult],
) -> Outcome:
    """Carry a parcel's attempt out: `body` runs the attempt and gives its result."""
    artifacts, began = SentArtifacts(parcel.artifacts, parcel.files, folder), now()
    try:
        attempt = unpack(parcel, plans.of(parcel), secrets, artifacts, folder)
    # Seam to user code: modules and values of the user's may raise anything, or exit.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        text = f"{parcel.id.task} of {parcel.flow} cannot be taken up by another process"
        info = describe(error, secrets.mask)
        told = ErrorInfo(info.type, f"{text}: {info.message}", info.traceback)
        result = AttemptResult(id=parcel.id, started_at=began, finished_at=now(), error=told)
        return Outcome(result, {})
    result = body(attempt)
    if result.error is not None:
        return Outcome(result, {}, folder.used)
    return Outcome(result, artifacts.made, folder.used, files=artifacts.files)


def take_back(outcome: Outcome, artifacts: Artifacts) -> None:
    """Keep for good what an attempt elsewhere has kept for its way back; blocks.

    Raises `FlowError` for a file that is not what it was, or is not there any more.
    """
    for content in outcome.artifacts.values():
        artifacts.put(content)
    for digest, file in outcome.files.items():
        _take_file(digest, Path(file), artifacts)


def _take_file(digest: str, file: Path, artifacts: Artifacts) -> None:
    try:
        found, _ = artifacts.keep(file, sys.maxsize)
    except OSError as error:
        text = f"the file {file} cannot be read after it had been kept as {digest}"
        raise FlowError(f"{text}: {error.strerror}") from error
    if found != digest:
        raise FlowError(f"the file {file} was changed after it had been kept as {digest}")
    file.unlink(missing_ok=True)
