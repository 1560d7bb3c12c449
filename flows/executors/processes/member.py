"""One worker process as its executor has it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from subprocess import DEVNULL

import anyio

from triphammer.flows.envs.building import Interpreter
from triphammer.flows.errors import WorkerDied
from triphammer.flows.executors.doorbell import Doorbell
from triphammer.flows.executors.processes.groups import Groups
from triphammer.flows.executors.processes.wire import (
    Advanced,
    Begun,
    Done,
    ExecutorEnd,
    Hello,
    Ready,
    Said,
    Work,
)
from triphammer.flows.executors.remote import Outcome
from triphammer.flows.journal import LogLine
from triphammer.flows.opened import CLOSE_SECONDS

CLOSE_GRACE = CLOSE_SECONDS + 1
"""Seconds that one without a body has to close its resources."""
LAST_WORDS = 1.0
"""Seconds to wait for what a process that has ended printed last."""
_LIKE_US = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from triphammer.flows.executors.processes.worker import main
main()
"""
_IN_ENV = """\
import sys
sys.path.append(sys.argv.pop(1))
from triphammer.flows.executors.processes.worker import main
main()
"""


def program(interpreter: Interpreter | None) -> Sequence[str]:
    """The command of a worker: like this process, or in an environment of its own."""
    if interpreter is None:
        return [sys.executable, "-c", _LIKE_US, json.dumps(sys.path)]
    return [str(interpreter.python), "-c", _IN_ENV, str(interpreter.bridge)]


class Member:
    """A worker process, at most one attempt in it. `printed` is told of lines that came by its
    file descriptors 1 and 2. Made on the loop; raises OSError when it cannot be started."""

    def __init__(
        self,
        groups: Groups,
        env: Mapping[str, str],
        program: Sequence[str],
        printed: Callable[[str], None],
    ) -> None:
        ours, theirs = socket.socketpair()
        self._output, written = os.pipe()
        self._printed = printed
        self._ended, self._drained = anyio.Event(), anyio.Event()
        self._reading = anyio.CancelScope()
        self._rest = b""
        self.holds: tuple[tuple[str, str], ...] = ()
        """Flows and versions whose resources it may have open."""
        try:
            number = theirs.fileno()
            self._group = groups.start(
                [*program, str(number), str(os.getpid())],
                env=env,
                gone=Doorbell(self._gone).ring,
                stdin=DEVNULL,
                stdout=written,
                stderr=written,
                pass_fds=(number,),
            )
        except OSError:
            ours.close()
            os.close(self._output)
            raise
        finally:
            theirs.close()
            os.close(written)
        self._end = ExecutorEnd(ours)
        os.set_blocking(self._output, False)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._group.id

    async def greet(self, hello: Hello) -> None:
        """Return once it takes work. Raises `WorkerDied`."""
        try:
            await self._end.send(hello)
            if not isinstance(await self._end.receive(), Ready):
                raise EOFError
        except EOFError:
            raise await self._death() from None

    async def carry_out(
        self,
        work: Work,
        begun: Callable[[int], None],
        said: Callable[[tuple[LogLine, ...]], None],
        advanced: Callable[[float, float], None],
    ) -> Outcome:
        """The outcome of an attempt. Raises `WorkerDied`."""
        try:
            await self._end.send(work)
            while True:
                message = await self._end.receive()
                if isinstance(message, Done):
                    self._read_now()  # what was printed before belongs to this attempt
                    self.holds = message.holds
                    return message.outcome
                if isinstance(message, Begun):
                    begun(message.at)
                elif isinstance(message, Said):
                    said(message.lines)
                elif isinstance(message, Advanced):
                    advanced(message.done, message.total)
        except EOFError:
            raise await self._death() from None

    async def end(self, said: Callable[[tuple[LogLine, ...]], None], grace: float) -> None:
        """End it: asked first, so that `finally` blocks run, and killed with all that it started
        when it has not obeyed after `grace` seconds."""
        self._group.ask_to_end()
        with anyio.move_on_after(grace), suppress(EOFError):
            while True:
                message = await self._end.receive()
                if isinstance(message, Said):
                    said(message.lines)
        await self._killed()

    def kill(self) -> None:
        """Kill it and all that it started."""
        self._group.kill()

    async def close(self) -> None:
        """Let go of it: killed if need be, after it could close what it holds."""
        if self.holds and not self._ended.is_set():
            self._group.ask_to_end()
            with anyio.move_on_after(CLOSE_GRACE):
                await self._ended.wait()
        await self._killed()
        self._reading.cancel()
        await self._drained.wait()
        self._end.close()
        os.close(self._output)

    async def read_output(self) -> None:
        """Pass on what it prints, line by line, until it has ended."""
        try:
            with self._reading:
                while self._read_now():
                    await anyio.wait_readable(self._output)
        finally:
            if self._rest:
                self._printed(self._rest.decode("utf-8", "replace"))
            self._drained.set()

    def _read_now(self) -> bool:
        """Pass on what has come; False once nothing more will."""
        try:
            while read := os.read(self._output, 65536):
                *lines, self._rest = (self._rest + read).split(b"\n")
                for line in lines:
                    self._printed(line.decode("utf-8", "replace"))
        except BlockingIOError:
            return True
        return False

    def _gone(self) -> None:
        self._end.hang_up()
        self._ended.set()

    async def _killed(self) -> None:
        self._group.kill()
        await self._ended.wait()
        # A process that left the group may hold the pipe for as long as it likes.
        with anyio.move_on_after(LAST_WORDS):
            await self._drained.wait()

    async def _death(self) -> WorkerDied:
        await self._killed()
        return WorkerDied(f"the worker process (pid {self.pid}) {_how(self._group.returncode)}")


def _how(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ": by hand, or for want of memory" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"
