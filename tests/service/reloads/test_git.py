"""Where git's index lock is, from a project's root."""

from __future__ import annotations

from pathlib import Path

from triphammer.service.reloads.git import index_lock


def test_of_a_working_tree_around_the_project(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "deep" / "project"
    root.mkdir(parents=True)
    assert index_lock(root) == tmp_path / ".git" / "index.lock"


def test_of_a_worktree_the_place_is_pointed_at(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: main/.git/worktrees/x\n")
    assert index_lock(tmp_path) == tmp_path / "main" / ".git" / "worktrees" / "x" / "index.lock"
    (tmp_path / ".git").write_text("something else")
    assert index_lock(tmp_path) is None
    (tmp_path / ".git").write_bytes(b"\xff\xfe")
    assert index_lock(tmp_path) is None
