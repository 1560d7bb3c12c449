"""Where a project begins: the folder of its settings file. Light: every command may look."""

from __future__ import annotations

from pathlib import Path

FILE = "triphammer.toml"


def settings_file(start: Path) -> Path | None:
    """The nearest settings file in `start` or a folder above it; None: there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return folder / FILE
    return None
