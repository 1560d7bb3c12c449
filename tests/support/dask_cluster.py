"""A real Dask scheduler and two workers, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import Thread
from typing import Any

WORKERS = 2
_SCHEDULER = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
_WORKER = ("distributed.cli.dask_worker", "--no-nanny", "--nthreads", "4", "--host", "127.0.0.1")


class DaskCluster:
    """Starts and ends the processes; `tls` are options that all of them take."""

    def __init__(self, tls: Sequence[str] = ()) -> None:
        self._tls = tls
        self._scheduler, self.address = self._start(*_SCHEDULER, until="Scheduler at:")
        self.workers: list[subprocess.Popen[str]] = []
        for _ in range(WORKERS):
            self.add_worker()

    def add_worker(self) -> None:
        """One more worker; returns once it is registered."""
        process, _ = self._start(*_WORKER, self.address, until="Registered to:")
        self.workers.append(process)

    def kill_worker(self, pid: int) -> None:
        """Kill a worker, and let another take its place."""
        [process] = [one for one in self.workers if one.pid == pid]
        process.kill()
        process.wait()
        self.workers.remove(process)
        self.add_worker()

    def begin_anew(self) -> None:
        """Another scheduler at the same address, and other workers."""
        self.end()
        port = self.address.rpartition(":")[2]
        self._scheduler, _ = self._start(*_SCHEDULER[:-1], port, until="Scheduler at:")
        self.workers = []
        for _ in range(WORKERS):
            self.add_worker()

    def end(self) -> None:
        """End all of it."""
        for process in (*self.workers, self._scheduler):
            process.kill()
            process.wait()

    def _start(self, module: str, *options: str, until: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options, "--no-dashboard", *self._tls],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        printed: list[str] = []
        for line in process.stderr:
            printed.append(line)
            if until in line:
                Thread(target=_drain, args=(process,), daemon=True).start()
                return process, line.split()[-1]
        raise AssertionError("".join(printed))


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    with process.stderr as lines:
        for _ in lines:
            pass


@contextmanager
def dask_cluster(tls: Sequence[str] = ()) -> Generator[DaskCluster]:
    """A cluster while the context is open."""
    cluster = DaskCluster(tls)
    try:
        yield cluster
    finally:
        cluster.end()


def published(address: str) -> list[str]:
    """What is kept at the scheduler."""
    distributed: Any = import_module("distributed")
    with distributed.Client(address, set_as_default=False) as client:
        return [str(name) for name in client.list_datasets()]
