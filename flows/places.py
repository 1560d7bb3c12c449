"""Where in the user's own code something was written."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple

from triphammer.flows.modules import PREFIX

_HOUSE = str(Path(__file__).parent.parent)
_NOT_THE_USERS = tuple(
    {_HOUSE, *(sysconfig.get_paths()[k] for k in ("stdlib", "platstdlib", "purelib", "platlib"))}
)


class Place(NamedTuple):
    """A file and a line in it, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Place("<unknown>", 0)


def user_place() -> Place:
    """The innermost calling frame that is neither triphammer's nor a library's."""
    # inspect.stack() would read the files of all frames.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if is_users(frame.f_code.co_filename) or _is_loaded(frame):
            return Place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return NOWHERE


def raising_place(traceback: TracebackType | None) -> Place:
    """The innermost frame of the user's code that an exception went through."""
    place = NOWHERE
    while traceback is not None:
        frame = traceback.tb_frame
        if is_users(frame.f_code.co_filename) or _is_loaded(frame):
            place = Place(frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _is_loaded(frame: FrameType) -> bool:
    """Whether it is code of a module of flows: those of installed packages are among libraries."""
    return str(frame.f_globals.get("__name__", "")).startswith(PREFIX)


def is_users(file: str) -> bool:
    """Whether a source file is neither triphammer's nor a library's."""
    return not file.startswith((*_NOT_THE_USERS, "<frozen"))
