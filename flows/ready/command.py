"""A command as a child process: its lines go to the task's log while it runs, and it is ended
with all that it has started."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import anyio
import msgspec

from triphammer.flows.context import TaskContext, context
from triphammer.flows.errors import CommandFailed, NotInTask, ValueMisfit
from triphammer.flows.executors.processes.groups import Group, Groups

KEPT = 250_000
"""Characters of each output that the result keeps: the last ones, where errors stand. All of it
is in the log, as far as that goes."""
LONGEST_LINE = 64_000
LAST_OUTPUT_SECONDS = 1.0
"""How long output may still come once the command has ended: somebody else may hold the pipe."""
SETTING = re.compile(r"TRIPHAMMER_([A-Z]+__|TOKEN$)", re.IGNORECASE)
"""How the daemon's settings begin as variables: any of them may hold a password. And a token."""

Say = Callable[[str], None]


class CommandEnd(msgspec.Struct, frozen=True):
    """How a command has ended: `code` is negative for a signal. Texts are the last `KEPT`."""

    code: int
    stdout: str
    stderr: str


async def run_command(
    command: Sequence[str],
    *,
    cwd: str | PurePath | None,
    env: Mapping[str, str],
    stdin: str | bytes | None,
    grace: float,
) -> CommandEnd:
    """Run `command` to its end. Cancelled, its process group gets SIGTERM and, `grace` seconds
    later, SIGKILL. `env` is added to the daemon's environment, less its settings.

    Raises `CommandFailed` when it cannot be started, `NotInTask` where no process may be.
    """
    about = context()
    groups = _groups(about, command[0])
    gone = asyncio.Event()
    tell = partial(asyncio.get_running_loop().call_soon_threadsafe, gone.set)
    with _pipes() as pipes:
        group = _start(groups, command, _folder(about, cwd), env, pipes, tell)
        out = _Output(print)
        err = _Output(about.logger.info)
        try:
            await _attend(group, gone, pipes, stdin, out, err)
        finally:
            if not gone.is_set():
                await _end(group, gone, grace)
    code = group.returncode
    return CommandEnd(-signal.SIGKILL if code is None else code, out.text, err.text)


def failed(command: Sequence[str], ended: CommandEnd, ok: Sequence[int]) -> CommandFailed | None:
    """What is wrong with how a command has ended, with the last it had to say; None: nothing."""
    if ended.code in ok:
        return None
    how = f"exited with code {ended.code}"
    if ended.code < 0:
        how = f"was ended by {signal.Signals(-ended.code).name}"
    said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
    return CommandFailed(f"{command[0]} {how}{f': {said[-1]}' if said else ''}")


def _groups(about: TaskContext, name: str) -> Groups:
    if about.groups is not None:
        return about.groups
    if about.contained:
        raise NotInTask(
            f"{about.task} would start {name!r}, and nothing leaves the testing kit: give "
            f"simulate(..., overrides={{...: a function in its place}})"
        )
    raise NotInTask(f"{about.task}: commands run in the executor 'async' only: leave executor= out")


def _folder(about: TaskContext, cwd: str | PurePath | None) -> Path:
    folder = about.root if cwd is None else about.root / cwd
    if not folder.is_dir():
        raise ValueMisfit(f"cwd={str(cwd)!r}: there is no folder {folder}")
    return folder


def environment(given: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """What a command sees: nothing of the daemon's settings, and what it was given."""
    others = {name: v for name, v in inherited.items() if SETTING.match(name) is None}
    return {**others, **given}


# --- pipes ----------------------------------------------------------------------------------


class _Pipes:
    """Three pipes: our ends, and those of the child until it has them."""

    def __init__(self) -> None:
        self.child_in, self.to_stdin = os.pipe()
        self.from_stdout, self.child_out = os.pipe()
        self.from_stderr, self.child_err = os.pipe()
        self._open = {
            self.child_in,
            self.to_stdin,
            self.from_stdout,
            self.child_out,
            self.from_stderr,
            self.child_err,
        }

    def child_has_its_own(self) -> None:
        """Close the child's ends here, so that we see their end when it closes them."""
        self._close(self.child_in, self.child_out, self.child_err)

    def give(self, fd: int) -> Any:
        """Hand one of our ends over to a transport, which closes it."""
        self._open.discard(fd)
        return os.fdopen(fd, "wb" if fd == self.to_stdin else "rb", 0)

    def close(self) -> None:
        """Close what is still open."""
        self._close(*self._open)

    def _close(self, *fds: int) -> None:
        for fd in set(fds) & self._open:
            os.close(fd)
        self._open.difference_update(fds)


@contextmanager
def _pipes() -> Generator[_Pipes]:
    pipes = _Pipes()
    try:
        yield pipes
    finally:
        pipes.close()


def _start(
    groups: Groups,
    command: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    pipes: _Pipes,
    gone: Callable[[], object],
) -> Group:
    def told() -> None:
        with suppress(RuntimeError):  # the loop has ended before the child
            gone()

    try:
        group = groups.start(
            command,
            env=environment(env, os.environ),
            gone=told,
            stdin=pipes.child_in,
            stdout=pipes.child_out,
            stderr=pipes.child_err,
            cwd=folder,
        )
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{command[0]} cannot be started: {error}") from error
    pipes.child_has_its_own()
    return group


class _Output:
    """One output of a command: said line by line, and its end kept."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._kept: list[str] = []
        self._length = 0

    @property
    def text(self) -> str:
        """The last `KEPT` characters."""
        return "".join(self._kept)[-KEPT:]

    def feed(self, data: bytes) -> None:
        """What has come; nothing: that was all."""
        text = self._decoder.decode(data, final=not data)
        self._keep(text)
        *lines, rest = (self._rest + text).split("\n")
        for line in lines:
            self._say(line.rstrip("\r"))
        while len(rest) > LONGEST_LINE:
            self._say(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        if rest and not data:
            self._say(rest)
            rest = ""
        self._rest = rest

    def _keep(self, text: str) -> None:
        self._kept.append(text)
        self._length += len(text)
        if self._length > 2 * KEPT:
            self._kept = [self.text]
            self._length = KEPT


async def _attend(
    group: Group,
    gone: asyncio.Event,
    pipes: _Pipes,
    stdin: str | bytes | None,
    out: _Output,
    err: _Output,
) -> None:
    """Return once the command has ended and said everything."""
    ended = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_write, pipes, stdin)

        async def read_all() -> None:
            async with anyio.create_task_group() as readers:
                readers.start_soon(_read, pipes.give(pipes.from_stdout), out)
                readers.start_soon(_read, pipes.give(pipes.from_stderr), err)
            ended.set()

        tasks.start_soon(read_all)
        await gone.wait()
        with anyio.move_on_after(LAST_OUTPUT_SECONDS):
            await ended.wait()
        tasks.cancel_scope.cancel()


async def _read(file: Any, output: _Output) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    try:
        while data := await reader.read(65_536):
            output.feed(data)
    finally:
        output.feed(b"")
        transport.close()


async def _write(pipes: _Pipes, stdin: str | bytes | None) -> None:
    file = pipes.give(pipes.to_stdin)
    if not stdin:
        file.close()
        return
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), file
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    try:
        with suppress(OSError):  # it does not want to hear it
            writer.write(stdin.encode() if isinstance(stdin, str) else stdin)
            await writer.drain()
    finally:
        writer.close()


async def _end(group: Group, gone: asyncio.Event, grace: float) -> None:
    """End the whole group, in order if it can."""
    group.ask_all_to_end()
    with anyio.move_on_after(grace, shield=True):
        await gone.wait()
    if not gone.is_set():
        group.kill()
        with anyio.CancelScope(shield=True):
            await gone.wait()
