"""Builds the environments of the flows in service before their first task asks for them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

from triphammer.flows.envs.house import ENVS, EnvHouse
from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.errors import EnvFailed
from triphammer.flows.executors.processes.groups import Groups, mark_of
from triphammer.flows.graph import FlowDef


class EnvBuilds:
    """`want` is called with the flows that are in service now; they do not wait for it. What
    fails is told in the log: it is tried again when a task asks for it."""

    def __init__(self, folder: Path, root: Path, log: logging.Logger) -> None:
        self._groups = Groups(mark_of(folder))
        self._house = EnvHouse(folder / ENVS, self._groups)
        self._root = root
        self._log = log
        self._wanted: list[EnvSpec] = []
        self._wake = anyio.Event()

    def want(self, flows: Iterable[FlowDef]) -> None:
        """See that the environments of these flows are there."""
        self._wanted = list(dict.fromkeys(env for flow in flows for env in envs_of(flow)))
        self._wake.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Build what is wanted, one after the other, until cancelled."""
        task_status.started()
        try:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while self._wanted:
                    await self._build(self._wanted.pop(0))
        finally:
            self._house.close()
            self._groups.close()

    async def _build(self, env: EnvSpec) -> None:
        try:
            await self._house.interpreter(env, self._root, self._say)
        except EnvFailed as error:
            self._log.error("%s", error)

    def _say(self, text: str) -> None:
        self._log.info("%s", text)


def envs_of(flow: FlowDef) -> Iterator[EnvSpec]:
    """The environments that the tasks of a flow run in, each once."""
    found = (node.options.env for node in flow.graph.every())
    yield from dict.fromkeys(env for env in found if env is not None)
