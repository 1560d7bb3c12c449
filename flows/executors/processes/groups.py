"""Process groups that do not outlive the daemon.

Each child leads a group of its own, so that whatever it starts is killed with it. When the
daemon crashes three things see to it: on Linux the kernel kills the child itself (which asks
for that: `die_with_parent`), the guardian kills its group, and the next start of the daemon
sweeps whatever has left its group, by a mark in the environment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from triphammer.flows.executors.processes import guardian

MARK = "TRIPHAMMER_WORKER_OF"
"""The variable by which the processes of a data folder are known."""
_PR_SET_PDEATHSIG = 1


class Group:
    """A child that leads its process group. `gone` is called, in a thread, once it has ended
    and all that was left of its group was killed."""

    def __init__(self, process: subprocess.Popen[bytes], gone: Callable[[], None]) -> None:
        self.id = process.pid
        self._process = process
        self._gone = gone
        self._lock = Lock()
        self._over = False
        Thread(target=self._watch, name=f"triphammer process {self.id}", daemon=True).start()

    @property
    def returncode(self) -> int | None:
        """How the child ended, as `subprocess` has it; None while it has not."""
        return self._process.returncode

    def ask_to_end(self) -> None:
        """Let the child itself end in order (SIGTERM)."""
        self._send(os.kill, signal.SIGTERM)

    def ask_all_to_end(self) -> None:
        """Let the whole group end in order (SIGTERM)."""
        self._send(os.killpg, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the whole group."""
        self._send(os.killpg, signal.SIGKILL)

    def _send(self, how: Callable[[int, int], None], number: signal.Signals) -> None:
        # The id is ours until the child is waited for; after that it may be anybody's.
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if not self._over:
                how(self.id, number)

    def _watch(self) -> None:
        if hasattr(os, "waitid"):  # leaves the id with us while the group is killed
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, self.id, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        self.kill()
        with self._lock:
            self._over = True
        self._process.wait()
        self._gone()


class Groups:
    """Starts children. `mark` names the daemon's data folder, None: nothing is swept."""

    def __init__(self, mark: str | None) -> None:
        self._mark = mark
        self._lock = Lock()
        self._under_way: set[int] = set()
        self._guardian: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        gone: Callable[[], None],
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        pass_fds: Sequence[int] = (),
        cwd: Path | None = None,
    ) -> Group:
        """Start a child; the rest is as `subprocess.Popen` takes it. Raises OSError.

        The thread that calls must live as long as the daemon: the kernel takes its end for
        the parent's.
        """
        marked = {**env, MARK: self._mark} if self._mark is not None else env
        process = subprocess.Popen(
            command,
            env=marked,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            cwd=cwd,
            start_new_session=True,
        )
        self._tell(b"+", process.pid)

        def over() -> None:
            self._tell(b"-", process.pid)
            gone()

        return Group(process, over)

    @property
    def guardian(self) -> int | None:
        """The guardian's process id."""
        return None if self._guardian is None else self._guardian.pid

    def close(self) -> None:
        """Let the guardian end; nothing is under way any more."""
        with self._lock:
            if self._guardian is not None:
                _close(self._guardian)
                self._guardian = None

    def _tell(self, what: bytes, group: int) -> None:
        with self._lock:
            if what == b"+":
                self._under_way.add(group)
            else:
                self._under_way.discard(group)
            if self._guardian is None and not self._under_way:
                return
            try:
                self._write(b"%s%d\n" % (what, group))
            except OSError:  # somebody has killed it
                if self._guardian is not None:
                    _close(self._guardian)
                    self._guardian = None
                with suppress(OSError):
                    self._write(b"".join(b"+%d\n" % one for one in self._under_way))

    def _write(self, lines: bytes) -> None:
        if self._guardian is None:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(guardian.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
            )
        assert self._guardian.stdin is not None
        self._guardian.stdin.write(lines)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, where the kernel can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we could ask
        os.kill(os.getpid(), signal.SIGKILL)


def mark_of(folder: Path) -> str:
    """What the worker processes of a data folder are known by."""
    return str(folder.resolve())


def sweep(mark: str) -> list[int]:
    """Kill the processes that an earlier daemon of the data folder `mark` has left; their ids.

    Linux only: elsewhere nobody tells what is in another process's environment. Blocks.
    """
    wanted = f"{MARK}={mark}".encode()
    found = [pid for pid, variables in _environments() if wanted in variables.split(b"\0")]
    for pid in found:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return found


def _environments() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) != os.getpid():
            with suppress(OSError):  # it has ended, or is somebody else's
                yield int(folder.name), (folder / "environ").read_bytes()
