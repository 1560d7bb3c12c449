"""A watched folder: real files dropped into it begin runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from triphammer.config.source import SensorSpec
from triphammer.sensors.contract import Claim, Emission
from triphammer.sensors.event import Event
from triphammer.sensors.files.markers import Marker, belongs
from triphammer.sensors.files.options import Options
from triphammer.sensors.files.scanning import scan, status_at
from triphammer.sensors.files.versions import Version
from triphammer.testing.results import SimulatedRun, runs_of
from triphammer.testing.world import World


class Inbox:
    """Use it through `sim.inbox(dir)`. `folder` is where its files lie: a folder of the
    simulation's own, so that no test writes into a real inbox."""

    def __init__(self, sim: World, spec: SensorSpec, options: Options) -> None:
        self._sim = sim
        self._spec = spec
        self._options = options
        self._known: dict[str, str] = {}
        self._drops = 0
        ready = options.ready
        self._marker = Marker(ready["done_file"]) if isinstance(ready, Mapping) else None
        self.folder: Path = options.scope.folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def drop(self, name: str, content: bytes | str = b"") -> Sequence[SimulatedRun]:
        """Put a whole file there, folders and all; the runs that it begins."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        # Time may stand still: what is written twice must still be two versions.
        self._drops += 1
        changed = self._sim.clock.now() * 1000 + self._drops
        os.utime(path, ns=(changed, changed))
        return self.look()

    def look(self) -> Sequence[SimulatedRun]:
        """Take in the files that are new or have changed, however they came there; their runs.

        They are whole at once, but for flows with `ready=done_file(...)`: with their marker.
        """
        found = scan(self._options.scope, [""], lambda _: None)
        events: list[Event] = []
        claims: dict[str, Claim] = {}
        for path, identity in sorted(found.files.items()):
            if self._known.get(path) == identity or not self._is_whole(path):
                continue
            event, claim = self._event(path)
            self._known[path] = identity
            events.append(event)
            if claim is not None:
                claims[event.key] = claim
        emission = Emission(events=events, claims=claims)
        return runs_of(self._sim, self._sim.take(self._spec.id, emission))

    def _is_whole(self, path: str) -> bool:
        marker, scope = self._marker, self._options.scope
        if marker is None:
            return True
        if marker.is_marker(path):
            return False
        mark, file = status_at(scope.at(marker.of(path))), status_at(scope.at(path))
        return mark is not None and file is not None and belongs(mark, file)

    def _event(self, path: str) -> tuple[Event, Claim | None]:
        absolute = self._options.scope.at(path)
        status = status_at(absolute)
        assert status is not None
        version = Version(path, absolute, status)
        event = version.event(
            self._spec.name, changed=path in self._known, now=self._sim.clock.now()
        )
        done, failed = self._options.done, self._options.failed
        return event, None if done is failed is None else version.claim(done, failed)
