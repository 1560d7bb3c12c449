"""What the daemon says of itself once it is up: where it is and what to try."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Any

import msgspec

from triphammer.config.loading import LoadedSettings
from triphammer.config.patterns import compile_pattern
from triphammer.config.source import Source
from triphammer.service.health import PartHealth
from triphammer.service.loading import Loaded

LOOPBACK = ("127.", "localhost", "::1")


class Announcement(msgspec.Struct, frozen=True):
    """`flows` says by name what each listens to; `hints` are commands to try."""

    url: str
    version: str
    flows: Mapping[str, str]
    hints: Sequence[str]
    notes: Sequence[str]


def announcement(
    loaded: LoadedSettings, flows: Loaded, port: int, version: str, *, guarded: bool = False
) -> Announcement:
    """The announcement of a daemon that serves `flows` on `port`; a `guarded` one asks for
    tokens."""
    server = loaded.settings.server
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::") else server.host
    scheme = "https" if server.tls_cert else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    sources = [source for flow in flows.flows.values() for source in flow.on]
    return Announcement(
        url=url,
        version=version,
        flows={
            name: ", ".join(s.text or s.kind for s in flow.on) or "started by hand"
            for name, flow in sorted(flows.flows.items())
        },
        hints=tuple(dict.fromkeys(_hints(loaded, sources, url))),
        notes=tuple(_notes(loaded, sources, guarded)),
    )


def _hints(loaded: LoadedSettings, sources: Sequence[Source], url: str) -> Iterator[str]:
    for source in sources:
        if source.kind == "files":
            yield f"drop a file into {loaded.root / source.name}"
        elif source.kind == "webhook":
            yield (
                f"curl -X POST {url}/hooks/{source.name} -H 'content-type: application/json' "
                f"-d {quote(json.dumps(_sample(source)))}"
            )
    yield f"open {url} in a browser"
    yield f"{_command()} runs"


def _command() -> str:
    """What to type for the `triphammer` command: its path, where it is not on PATH."""
    return "triphammer" if which("triphammer") else str(Path(sys.argv[0]).absolute())


def _sample(source: Source) -> dict[str, Any]:
    """A body that the source's pattern lets through, as far as exact values and prefixes go."""
    sample: dict[str, Any] = {}
    clauses = () if source.pattern is None else compile_pattern(source.pattern).clauses
    for clause in clauses:
        root, *way = clause.path
        values = (*clause.exact, *clause.prefixes)
        if root == "data" and way and values:
            place = sample
            for name in way[:-1]:
                place = place.setdefault(name, {})
            place[way[-1]] = values[0]
    return sample or {"hello": "world"}


def _notes(loaded: LoadedSettings, sources: Sequence[Source], guarded: bool) -> Iterator[str]:
    kinds = {source.kind for source in sources}
    if "kafka" in kinds and loaded.settings.kafka.bootstrap is None:
        yield "no Kafka broker is configured ([kafka] bootstrap): topics wait, all else works"
    if guarded:
        yield "it asks for tokens: commands take theirs from TRIPHAMMER_TOKEN"
    if loaded.settings.server.open and not loaded.settings.server.host.startswith(LOOPBACK):
        yield "it is open: whoever reaches it may do anything ([server] open, --open)"
    open_hooks = [s.name for s in sources if s.kind == "webhook" and not s.options.get("verify")]
    if open_hooks and not loaded.settings.server.host.startswith(LOOPBACK):
        yield f"anybody can post to {', '.join(sorted(set(open_hooks)))}: give them a verify="


def status_line(url: str, flows: int, parts: Iterable[PartHealth]) -> str:
    """What `systemctl status` shows of a daemon that serves: what does not work comes first."""
    broken = [f"{part.name}: {part.reason}" for part in parts if part.reason is not None]
    serving = f"serving {flows} flows at {url}"
    return f"{'; '.join(broken)} - {serving}" if broken else serving
