from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from triphammer.service.errors import FolderLocked
from triphammer.service.store.lock import folder_lock

HOLD = """
import sys
from pathlib import Path
from triphammer.service.store.lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_daemon_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderLocked) as refused, folder_lock(tmp_path):
            pass
        assert str(holder.pid) in str(refused.value)
        assert str(tmp_path) in str(refused.value)
        holder.kill()
    with folder_lock(tmp_path):
        """The kernel has let go of it."""


def test_a_folder_can_be_locked_again_after_it_was_let_go(tmp_path: Path) -> None:
    for _ in range(2):
        with folder_lock(tmp_path), pytest.raises(FolderLocked), folder_lock(tmp_path):
            pass
