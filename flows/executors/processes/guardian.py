"""Runs as a small process of its own beside the daemon: when the daemon is gone, however it
ended, the process groups that it had under way are killed.

It reads `+GROUP` and `-GROUP` lines from its standard input, whose end is the daemon's end. A
file to execute, not to import: it must begin quickly and be small, so it stands on nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable


def left_over(lines: Iterable[bytes]) -> set[int]:
    """The groups that are under way when `lines` end."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith(b"+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def main() -> None:
    """Wait for the daemon's end and kill what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for group in left_over(sys.stdin.buffer):
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            continue


if __name__ == "__main__":
    main()
