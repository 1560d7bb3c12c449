"""What the tests of flows share: a scope with known values, artifacts in memory, flow files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from textwrap import dedent
from typing import Any
from weakref import finalize

from triphammer.flows.errors import GraphError, TooLarge
from triphammer.flows.loader import FlowSet, load_files
from triphammer.flows.outcomes import Ended
from triphammer.sensors.event import Event


@dataclass
class KnownScope:
    """A scope whose values are all given."""

    results: Mapping[str, Any] = field(default_factory=dict[str, Any])
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    event: Any = None
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])

    def result(self, node: str) -> Any:
        return self.results[node]

    def turn(self, node: str) -> tuple[Any, ...]:
        raise LookupError(node)

    def ended(self, node: str) -> Ended | None:
        return None

    def param(self, name: str) -> Any:
        return self.params[name]

    def secret(self, name: str) -> str:
        return self.secrets[name]

    def connection(self, name: str) -> Any:
        return {"name": name}


class MemoryArtifacts:
    """Content-addressed bytes in a dict."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self._place: str | None = None

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.content[digest] = content
        return digest

    def get(self, digest: str) -> bytes:
        return self.content[digest]

    def keep(self, source: bytes | Path, most: int) -> tuple[str, int]:
        content = source if isinstance(source, bytes) else source.read_bytes()
        if len(content) > most:
            raise TooLarge(len(content))
        return self.put(content), len(content)

    def path(self, digest: str) -> Path:
        path = Path(self.place) / digest[:2] / digest[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.content[digest])
        return path

    @property
    def place(self) -> str:
        if self._place is None:
            self._place = mkdtemp(prefix="triphammer-test-")
            finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        return self._place


def an_event(data: Any = None, **attributes: Any) -> Event[Any]:
    """An event with this data."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    given: dict[str, Any] = {"id": "1", "source": "test", "type": "test.happened", **attributes}
    return Event(key="evt_1", data=data, time=now, received_at=now, **given)


IMPORTS = """\
from triphammer import Event, chain, connection, events, flow, publish, secret, send_webhook
from triphammer import start, state, task, text
"""
FIRST_LINE = IMPORTS.count("\n") + 1


def load_text(root: Path, text: str, name: str = "sample.py") -> FlowSet:
    """Load a flow file with this text below imports of everything; see `FIRST_LINE`."""
    file = root / "flows" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(IMPORTS + dedent(text).lstrip("\n"), encoding="utf-8")
    return load_files(root, [file])


def load_error(root: Path, text: str) -> GraphError:
    """The one error that a flow file with this text gives."""
    found = load_text(root, text)
    assert len(found.errors) == 1, [str(error) for error in found.errors]
    return found.errors[0]
