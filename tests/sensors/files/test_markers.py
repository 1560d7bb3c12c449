from __future__ import annotations

import os
from pathlib import Path

from triphammer.sensors.files.markers import Marker, belongs


def test_a_marker_stands_beside_its_file() -> None:
    assert Marker("{name}.done").of("sub/a.csv") == "sub/a.csv.done"
    assert Marker("_{stem}.ok").of("a.csv") == "_a.ok"
    assert Marker("{name}.done").is_marker("sub/a.csv.done")
    assert not Marker("{name}.done").is_marker("sub.done/a.csv")
    assert not Marker("{name}.done").is_marker(".done")


def test_an_older_marker_belongs_to_an_earlier_version(tmp_path: Path) -> None:
    file, marker = tmp_path / "a", tmp_path / "a.done"
    file.touch()
    marker.touch()
    os.utime(file, ns=(10**18, 10**18))
    os.utime(marker, ns=(10**18, 10**18))
    assert belongs(marker.stat(), file.stat())
    os.utime(marker, ns=(9 * 10**17, 9 * 10**17))
    assert belongs(marker.stat(), file.stat())


class Status:
    def __init__(self, ctime: int, mtime: int) -> None:
        self.st_ctime_ns = ctime
        self.st_mtime_ns = mtime


def test_one_of_two_clocks_must_say_that_it_is_not_older() -> None:
    assert belongs(Status(2, 1), Status(1, 9))
    assert belongs(Status(1, 9), Status(2, 1))
    assert not belongs(Status(1, 1), Status(2, 2))
