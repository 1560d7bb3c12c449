from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from triphammer.config.patterns import compile_pattern
from triphammer.sensors.errors import SourceError
from triphammer.sensors.files import done_file, files
from triphammer.sensors.samples import file_event


def test_what_it_says_is_plain_data() -> None:
    source = files("./in/../inbox/", "*.csv", "a/*", done="archive", settle="2s")
    assert (source.kind, source.name) == ("files", "inbox")
    assert source.options == {
        "dir": "inbox",
        "globs": ["*.csv", "a/*"],
        "ready": "stable",
        "settle": 2_000_000,
        "done": "archive",
        "failed": None,
    }
    assert source.text == 'files("inbox", "*.csv", "a/*", done="archive")'
    marked = files(Path("inbox"), ready=done_file("{stem}.ok"))
    assert marked.options["ready"] == {"done_file": "{stem}.ok"}
    assert marked.options["globs"] == ["*"]
    assert marked.text == 'files("inbox", ready=done_file("{stem}.ok"))'


def test_it_matches_the_files_of_its_globs_in_its_folder(tmp_path: Path) -> None:
    pattern = compile_pattern(files(tmp_path, "*.csv").match)
    assert pattern.matches(file_event(tmp_path / "a.csv", b"", root=tmp_path))
    assert not pattern.matches(file_event(tmp_path / "a.txt", b"", root=tmp_path))
    assert not pattern.matches(file_event(tmp_path / "sub" / "a.csv", b"", root=tmp_path))
    assert not pattern.matches(file_event(tmp_path / "sub" / "a.csv"))


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((" ",), {}, "name a folder"),
        ((3,), {}, "name a folder"),
        (("a\0b",), {}, "name a folder"),
        (("inbox", "/a"), {}, "below the folder"),
        (("inbox", "../a"), {}, "below the folder"),
        (("inbox", ""), {}, "glob is text"),
        (("inbox", "a**.csv"), {}, "stands alone"),
        (("inbox", "[b-a]"), {}, "no glob"),
        (("inbox",), {"ready": "soon"}, "ready must be"),
        (("inbox",), {"settle": "soon"}, "settle: 'soon'"),
        (("inbox",), {"done": "."}, "watched folder itself"),
        (("inbox",), {"failed": ""}, "name a folder"),
    ],
)
def test_what_cannot_be_used_is_named(
    arguments: tuple[Any, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceError, match=words):
        files(*arguments, **options)


@pytest.mark.parametrize("template", ["", "done", "{name}", "{name}{stem}.x", "{x}.y", "a/{name}"])
def test_a_marker_that_names_no_file_is_refused(template: str) -> None:
    with pytest.raises(SourceError, match="marker file"):
        done_file(template)
