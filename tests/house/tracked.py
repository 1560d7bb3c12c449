"""The files that git tracks."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("config", "flows", "sensors", "service")


def tracked(*paths: str) -> list[str]:
    """Tracked files below `paths`, as git names them."""
    done = subprocess.run(
        ["git", "ls-files", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()
