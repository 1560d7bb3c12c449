"""Libraries that are put before the C library of a process."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def preloaded(source: Path, place: Path) -> Path:
    """The library that `source` is compiled to; without a compiler the test is skipped (CI:
    fails)."""
    compiler = shutil.which("cc")
    if compiler is None:
        reason = "there is no C compiler (cc)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    library = place / f"{source.stem}.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library)]
    subprocess.run([*command, str(source), "-ldl"], check=True, capture_output=True)
    return library
