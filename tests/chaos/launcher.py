"""Starts the daemon so that it kills itself at a named point: `launcher POINT:N -- ...`.

The product has no switch for tests: the points are set from outside, by wrapping the function
at whose n-th call the process is to die. `planted:NAME` is a fault instead: it breaks a promise
on purpose, and the regime must notice. Several are given with commas.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

Hook = Callable[[], None]


def die() -> None:
    """End as a crash does: no handler, no flush, no last word."""
    os.kill(os.getpid(), signal.SIGKILL)


def countdown(calls: int) -> Hook:
    """A hook that dies when it is called for the given time."""
    left = calls

    def hook() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            die()

    return hook


def main() -> None:
    """Set what the first argument names, then run the command line with the others."""
    from tests.chaos.planted import PLANTED
    from tests.chaos.points import POINTS

    for asked in filter(None, sys.argv[1].split(",")):
        point, _, rest = asked.partition(":")
        if point == "planted":
            PLANTED[rest]()
        else:
            POINTS[point](countdown(int(rest)))
    # Behind the marker: the interpreter, -m and triphammer, as the daemon is started without us.
    sys.argv = ["triphammer", *sys.argv[sys.argv.index("--") + 4 :]]
    from triphammer.__main__ import main as run

    run()


def patch(owner: Any, name: str, around: Callable[[Any], Any]) -> None:
    """Put `around(original)` in the place of `owner.name`."""
    setattr(owner, name, around(getattr(owner, name)))


if __name__ == "__main__":
    main()
