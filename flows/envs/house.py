"""The environments of one session: each is built once, whoever asks for it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import anyio
import anyio.to_thread

from triphammer.flows.envs.building import Builder, Interpreter, Say
from triphammer.flows.envs.spec import EnvSpec, wanted
from triphammer.flows.executors.processes.groups import Groups

ENVS = "envs"
"""The folder of environments, in the data folder."""
TOGETHER = 2
"""So many environments are built at once."""


class EnvHouse:
    """Finds and builds environments below `folder`. `close` ends builds under way."""

    def __init__(self, folder: Path, groups: Groups) -> None:
        self._builder = Builder(folder, groups)
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._limiter = anyio.CapacityLimiter(TOGETHER)

    def close(self) -> None:
        """End what is being built."""
        self._builder.stop()

    async def interpreter(self, spec: EnvSpec, root: Path, say: Say) -> Interpreter:
        """The interpreter of an environment as it is to be now, built if need be. `say` is told
        how a build goes on, in whatever thread. Raises `EnvFailed`."""
        asked = await anyio.to_thread.run_sync(wanted, spec, root)
        found = await anyio.to_thread.run_sync(self._builder.find, asked)
        if found is not None:
            return found
        async with self._locks[asked.id]:
            return await anyio.to_thread.run_sync(
                self._builder.build, asked, say, abandon_on_cancel=True, limiter=self._limiter
            )
