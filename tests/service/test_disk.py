from __future__ import annotations

import os
import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from triphammer.service.disk import trouble_of


@contextmanager
def no_descriptors() -> Generator[None]:
    """Not one more file can be opened by this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_folder_that_can_be_used_has_no_trouble(tmp_path: Path) -> None:
    assert trouble_of(tmp_path) is None


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in (trouble_of(tmp_path / "gone") or "")


def test_a_process_without_descriptors_says_so(tmp_path: Path) -> None:
    with no_descriptors():
        reason = trouble_of(tmp_path)
    assert "too many files" in (reason or "")
