"""What a process that dies of a fatal signal leaves for the next."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

DIES = """
import os, signal, sys
from pathlib import Path
from triphammer.service.last_words import last_words

def guilty():
    os.kill(os.getpid(), int(sys.argv[2]))

with last_words(Path(sys.argv[1])) as said:
    print(said)
    guilty()
"""


def died(file: Path, number: int, *options: str) -> str:
    """What the process before had said, told by one that dies of a signal."""
    command = [sys.executable, *options, "-uc", DIES, str(file), f"{int(number)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -number
    return done.stdout.strip()


def test_they_name_the_signal_and_the_place(tmp_path: Path) -> None:
    file = tmp_path / "words"
    assert died(file, signal.SIGSEGV) == ""
    said = died(file, signal.SIGKILL)
    assert "Segmentation fault" in said
    assert "in guilty" in said
    assert died(file, signal.SIGABRT) == "", "nothing is said after SIGKILL"
    assert "Aborted" in died(file, signal.SIGKILL)


def test_who_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "words"
    assert died(file, 0) == ""
    assert not file.exists()


@pytest.mark.parametrize("place", ["missing/words", "words"])
def test_without_a_place_or_with_another_one_nothing_is_noted(tmp_path: Path, place: str) -> None:
    options = ("-X", "faulthandler") if place == "words" else ()
    died(tmp_path / place, signal.SIGSEGV, *options)
    assert not (tmp_path / place).exists()
