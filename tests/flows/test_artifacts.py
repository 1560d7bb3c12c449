"""Artifacts: how they are kept, stored as results, given to others, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flows.support import MemoryArtifacts
from tests.flows.test_context import a_context
from triphammer import Artifact, artifact, context, flow, task
from triphammer.flows.artifacts import Told, shown
from triphammer.flows.codec import decode, decode_json_safe, encode
from triphammer.flows.context import TaskContext, enter_context
from triphammer.flows.errors import NotInTask, ValueMisfit
from triphammer.testing import simulate


@pytest.fixture
def running(tmp_path: Path) -> Any:
    mine = a_context(tmp_path)
    mine.files = MemoryArtifacts()
    enter_context(mine)
    yield mine
    enter_context(None)


def test_a_path_bytes_and_a_text_are_kept(running: TaskContext, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,2\n")
    from_path = artifact(tmp_path / "a.csv")
    assert (from_path.name, from_path.media_type, from_path.size) == ("a.csv", "text/csv", 4)
    from_text = artifact("grüße")
    assert (from_text.name, from_text.media_type) == ("work", "text/plain; charset=utf-8")
    assert from_text.read_text() == "grüße"
    from_bytes = context().artifact("x/y", b"\x00")
    assert (from_bytes.media_type, from_bytes.read_bytes()) == ("application/octet-stream", b"\x00")
    assert [kept.name for kept in running.kept] == ["a.csv", "work", "x/y"]
    assert running.kept[0].digest == from_path.digest


def test_what_cannot_be_kept_says_why(running: TaskContext, tmp_path: Path) -> None:
    running.largest = 3
    with pytest.raises(ValueMisfit, match=r"the artifact big of work has at least 4B; \[limits\]"):
        context().artifact("big", b"1234")
    with pytest.raises(FileNotFoundError):
        artifact(tmp_path / "none")
    with pytest.raises(ValueMisfit, match="is no media type"):
        artifact(b"", "text/html\r\nX: y")
    with pytest.raises(ValueMisfit, match="is no media type"):
        artifact(b"x", "text/größe")  # it goes out as a header
    for name in ("", "x" * 201, "a\nb"):
        with pytest.raises(ValueMisfit, match="cannot name an artifact"):
            artifact(b"", name=name)
    assert running.kept == []
    enter_context(None)
    with pytest.raises(NotInTask):
        artifact(b"")


def test_as_a_result_it_is_stored_by_its_hash_and_never_read(running: TaskContext) -> None:
    files = running.files
    assert files is not None
    kept = artifact(b"<h1>", "text/html", name="r.html")
    stored = encode(kept, Any, files)
    assert (stored.kind, stored.body.decode()) == ("artifact", kept.digest)
    assert decode(stored, Any, files) == kept
    assert decode(stored, Artifact, files).read_bytes() == b"<h1>"
    assert decode(stored, Path, files).read_bytes() == b"<h1>"
    told = {"artifact": kept.digest, "name": "r.html", "media_type": "text/html", "size": 4}
    assert decode_json_safe(stored) == told == shown(kept)


def test_inside_of_a_result_it_comes_back_as_annotated(running: TaskContext) -> None:
    files, annotation = running.files, dict[str, Artifact]
    assert files is not None
    value = {"report": artifact(b"x", name="r")}
    with pytest.raises(ValueMisfit, match=r"\['report'\] a Artifact.*annotate what the task"):
        encode(value, Any, files)
    back = decode(encode(value, annotation, files), annotation, files)
    assert back == value
    assert back["report"].read_bytes() == b"x"


def test_outside_of_a_task_it_is_known_but_not_read() -> None:
    kept = Artifact("0" * 64, Told("r", "text/plain", 1))
    assert repr(kept) == "<artifact r text/plain 1 bytes>"
    with pytest.raises(NotInTask, match="the artifact r can be read in a running task"):
        kept.read_text()


@task
def write() -> Artifact:
    (context().workdir / "rows.csv").write_text("1\n2\n")
    return artifact(context().workdir / "rows.csv")


@task
def count(rows: Artifact) -> int:
    with rows.open() as lines:
        return sum(1 for _ in lines)


@task
def name_of(rows: Path) -> str:
    return rows.read_text()


@flow
def writing() -> object:
    rows = write()
    return [count(rows), name_of(rows), rows]


def test_those_behind_it_read_it_as_a_file() -> None:
    with simulate(writing) as sim:
        run = sim.start(writing)
        assert run.result[:2] == [2, "1\n2\n"]
        assert run.task("write").result.read_text() == "1\n2\n"
