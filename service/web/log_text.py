"""Captured lines as text that any browser or editor can show."""

from __future__ import annotations

import re

from triphammer.service.store.log_pages import StoredLine
from triphammer.service.web.views import moment

# What programs send to colour a terminal, move its cursor or name its window.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Also those that turn the order of what is read around."""


def plain(text: str) -> str:
    """`text` without colours, and with marks in place of what cannot be seen. Of what was written
    over itself, as progress bars are, the last is left."""
    bare = _ESCAPES.sub("", text)
    if "\r" in bare:
        bare = bare.rstrip("\r").rpartition("\r")[2]
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", bare)


def as_text(line: StoredLine) -> str:
    """A line of the file that is downloaded."""
    where = f"{line.task}#{line.attempt}"
    return f"{moment(line.at)} {line.level:<8} {where} {plain(line.text)}\n"
