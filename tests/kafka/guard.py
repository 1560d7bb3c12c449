"""A process that ends with us, however we end."""

from __future__ import annotations

import subprocess
from types import TracebackType

# `read` returns when the other end of the pipe is gone: closed by us, or by our death. Not
# PR_SET_PDEATHSIG, which would act as soon as the *thread* that started the process ends.
PROGRAM = 'read -r _ || kill -9 "$1"'


class Guard:
    """Kills a process when this one dies, also by -9; until it is dismissed."""

    def __init__(self, pid: int) -> None:
        self._watcher = subprocess.Popen(
            ["sh", "-c", PROGRAM, "guard", str(pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.dismiss()

    def dismiss(self) -> None:
        """The process has ended: nothing is to be killed any more."""
        self._watcher.kill()
        self._watcher.communicate()
