"""`git_checkout`: of a repository on this disk."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contracts.executor_cases import KINDS, at_work, attempt
from triphammer import git_checkout

pytestmark = pytest.mark.anyio
AS = ("-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "init.defaultBranch=main")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *AS, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, the first with a tag. The work folder is below `tmp_path`."""
    folder = tmp_path / "models.git"
    folder.mkdir()
    git(folder, "init", "-q")
    for text in ("old", "new"):
        (folder / "model.txt").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", text)
        if text == "old":
            git(folder, "tag", "v1")
    monkeypatch.chdir(tmp_path)
    return folder


async def ended(*args: Any, **more: Any) -> tuple[Any, str]:
    """The result or None, and the error's text."""
    one = attempt(lambda: git_checkout.fn(*args, **more))
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        result = await bench.result(one.id)
    value = None if result.value is None else msgspec.json.decode(result.value.body)
    return value, "" if result.error is None else result.error.message


@pytest.mark.parametrize(("ref", "text"), [("main", "new"), ("v1", "old"), ("HEAD", "new")])
async def test_a_branch_and_a_tag(origin: Path, ref: str, text: str) -> None:
    value, error = await ended(f"file://{origin}", ref)
    assert error == ""
    assert (Path(value["path"]) / "model.txt").read_text() == text
    assert value["commit"] == git(origin, "rev-parse", f"{ref}^0")


async def test_a_commit_also_a_short_one_and_a_second_attempt(origin: Path) -> None:
    commit = git(origin, "rev-parse", "v1")
    for ref in (commit, commit[:8]):
        value, error = await ended(f"file://{origin}", ref)
        assert error == ""
        assert value["commit"] == commit
        assert (Path(value["path"]) / "model.txt").read_text() == "old"


async def test_what_is_not_there_is_named(origin: Path) -> None:
    _, error = await ended(f"file://{origin}", "no-such-branch")
    assert "git fetch" in error
    assert "no-such-branch" in error
    _, error = await ended(f"file://{origin}-gone", "main")
    assert "git fetch" in error


async def test_the_token_is_not_left_behind(origin: Path) -> None:
    value, _ = await ended(f"file://{origin}", "main", token="hush")
    assert not holds(Path(value["path"]), b"hush")


def holds(folder: Path, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_nothing_becomes_an_option(origin: Path) -> None:
    _, error = await ended("--upload-pack=touch hacked", "main")
    assert "dash" in error
