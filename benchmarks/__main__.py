"""`python -m benchmarks [NAME...]`: run benchmarks and print the figures with their ratios.

Absolute figures drift between machines and hours; the ratios within one run are what counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import (
    consoles,
    files,
    footprint,
    kafka,
    kafka_recovery,
    loading,
    matching,
    overload,
    pages,
    recovery,
    simulation,
    waiting,
    webhooks,
)
from benchmarks.figures import Figure, row, table_head
from benchmarks.setting import make_daemon
from tests.acceptance.process import DaemonProcess

OnDaemon = Callable[[DaemonProcess, Path], Sequence[Figure]]
ON_DAEMON: Mapping[str, OnDaemon] = {
    "latency": webhooks.latency,
    "files": files.latency,
    "accepted": webhooks.accepted,
    "runs": webhooks.runs,
    "mapped": webhooks.mapped,
    "blocked": webhooks.blocked,
}
"""Those that share one daemon."""
ALONE: Mapping[str, Callable[[Path], Sequence[Figure]]] = {
    "kafka": kafka.records,
    "kafka_recovery": kafka_recovery.recovery,
    "matching": lambda _: matching.matching(),
    "footprint": footprint.footprint,
    "overload": overload.overload,
    "recovery": recovery.recovery,
    "loading": loading.loading,
    "simulation": lambda _: simulation.simulation(),
    "waiting": waiting.waiting,
    "pages": pages.pages,
    "starts": pages.starts,
    "consoles": consoles.consoles,
}


def main() -> None:
    """Run what is asked for, in order; a line for each figure as soon as it is known."""
    asked = _arguments()
    figures: list[Figure] = []
    if not asked.json:
        print(table_head())
    for figure in measure(asked.names or [*ON_DAEMON, *ALONE]):
        figures.append(figure)
        if not asked.json:
            print(row(figure), flush=True)
    if asked.json:
        print(json.dumps([{**asdict(f), "ratio": f.ratio} for f in figures], indent=2))


def measure(names: Sequence[str]) -> Iterator[Figure]:
    """The figures of the named benchmarks. Files lie below the working directory: the disk
    there is what commits are measured on."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        shared = [ON_DAEMON[n] for n in ON_DAEMON if n in names]
        if shared:
            with make_daemon(folder / "project") as daemon:
                for benchmark in shared:
                    yield from benchmark(daemon, folder)
        for n in ALONE:
            if n in names:
                yield from ALONE[n](folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [*ON_DAEMON, *ALONE]
    parser.add_argument("names", nargs="*", help=f"which; all without: {', '.join(known)}")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in known]:
        parser.error(f"no benchmark is named {unknown[0]!r}; there are: {', '.join(known)}")
    return asked


if __name__ == "__main__":
    main()
