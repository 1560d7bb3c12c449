"""Every page and list is answered on a database with much of everything, which the benchmarks
make; how fast they are on a large one, `python -m benchmarks pages` says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.pages import look, measure
from benchmarks.scale import MAPPED, NODES, WIDE, make
from tests.acceptance.process import DaemonProcess
from tests.acceptance.sound import nothing_went_wrong
from triphammer.service.store.inspection import inspect

pytestmark = pytest.mark.slow
EVENTS = 20_000


def test_all_pages_and_lists_are_answered_beside_much_of_everything(tmp_path: Path) -> None:
    folder = make(tmp_path / "much", EVENTS)
    found = inspect(folder / ".triphammer")
    assert found.troubles == ()
    assert (found.counts["events"], found.counts["runs"]) == (EVENTS, EVENTS)
    with DaemonProcess(folder) as daemon:
        answered = asyncio.run(measure(daemon, look(folder), 3))
        assert len(answered) > 100
        store = daemon.get("/api/v1/store")
        assert (store["events"], store["runs"]) == (EVENTS, EVENTS)
        (line,) = daemon.get(f"/api/v1/flows/{WIDE}/grid", limit=1)["items"]
        assert line["tasks"][0]["items"] == MAPPED
        large = daemon.get("/api/v1/flows/large/grid", limit=1, tasks=NODES)
        assert len(large["items"][0]["tasks"]) == NODES
        nothing_went_wrong(daemon)
