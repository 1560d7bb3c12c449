"""Where system calls can be recorded. With `CI=true` a machine that cannot is a failure."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def traceable() -> bool:
    """Whether system calls can be recorded here."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


must_trace = pytest.mark.skipif(
    os.environ.get("CI") != "true" and not traceable(), reason="strace cannot be used here"
)
