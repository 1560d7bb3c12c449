"""An attempt made ready to travel to another process.

Unpacking is `executors/remote.py`; both sides load the same version of the flow, so that what
is sent are values and never code.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from triphammer.flows.artifacts import FILE
from triphammer.flows.engine.run_scope import MapResult, RunScope, Stored
from triphammer.flows.engine.values import Launch, RunStart
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.executors.contract import AttemptId, Parcel
from triphammer.flows.journal import Artifacts, Encoded
from triphammer.flows.modules import stand_in
from triphammer.flows.project import module_source
from triphammer.flows.workdir import RunFolder


def pack(
    id: AttemptId,
    start: RunStart,
    launch: Launch,
    scope: RunScope,
    *,
    state: Callable[[str], Mapping[str, bytes]],
    folder: RunFolder,
    earlier: int,
    largest: int,
) -> Parcel:
    """The parcel of one attempt. Raises `ValueMisfit` for values that cannot be pickled."""
    flow, node = start.flow, launch.node.node
    stand_in(flow.version, module_source(flow.file, "", "").name, flow.module)
    # What stands before it in order only may be looked up by name: `context().results`.
    results = {name: scope.stored(name) for name in dict.fromkeys((*node.data, *node.above))}
    ends = {name: ended for name in node.above if (ended := scope.ended(name)) is not None}
    turns = scope.all_turns()
    return Parcel(
        id=id,
        flow=flow.name,
        version=flow.version,
        file=flow.file,
        root=flow.root,
        module=flow.module,
        sources=flow.sources,
        node=launch.node.name,
        item=launch.item,
        values=_pickled(launch, (start.event, start.params, results, ends, turns, launch.value)),
        state=state(flow.name),
        artifacts=_contents({name: results[name] for name in node.data}, scope.artifacts),
        files=scope.artifacts.place,
        largest=largest,
        workdir=folder.place,
        earlier=earlier,
    )


def _pickled(launch: Launch, values: Any) -> bytes:
    try:
        return pickle.dumps(values, protocol=pickle.HIGHEST_PROTOCOL)
    # Seam to user code: __reduce__ and __getstate__ may raise anything.
    except Exception as error:
        text = f"what {launch.name} takes cannot be sent to another process: {error}; pass plain"
        raise ValueMisfit(f"{text} data, or leave executor= out") from error


def _contents(results: Mapping[str, Stored], artifacts: Artifacts) -> dict[str, bytes]:
    """What lies in the artifact store of results. Files are not read here: they have a path."""
    contents: dict[str, bytes] = {}
    for encoded in _named(results):
        digest = encoded.body.decode()
        if encoded.media.startswith(FILE):
            artifacts.path(digest)
        else:
            contents[digest] = artifacts.get(digest)
    return contents


def _named(results: Mapping[str, Stored]) -> Iterator[Encoded]:
    """The results and parts of results that lie in the artifact store."""
    for stored in results.values():
        items = stored.items if isinstance(stored, MapResult) else (stored,)
        for item in items:
            if isinstance(item, Encoded) and item.kind == "artifact":
                yield item
