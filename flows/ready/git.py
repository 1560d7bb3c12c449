"""`git_checkout`: a working copy of a repository at a branch, tag or commit."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread

from triphammer.flows.context import context
from triphammer.flows.errors import CommandFailed, ValueMisfit
from triphammer.flows.ready.command import CommandEnd, failed, run_command
from triphammer.flows.task import task

GRACE = 5.0
QUIET: Mapping[str, str] = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}


@task(name="git_checkout")
async def git_checkout(url: str, ref: str = "HEAD", *, token: str | None = None) -> dict[str, Any]:
    """Fetch one state of a repository into the run's work folder.

    `ref` is a branch, a tag or a commit. `token` is for HTTPS and never stands in a command
    line or in the copy. The result is `{"path", "commit"}`; a second attempt begins anew.
    Raises `CommandFailed`.
    """
    if url.startswith("-") or ref.startswith("-"):
        raise ValueMisfit(f"git_checkout({url!r}, {ref!r}): neither may begin with a dash")
    folder = context().workdir / _name_of(url, context().task)
    await anyio.to_thread.run_sync(_emptied, folder)
    env = {**QUIET, **_credentials(token)}
    await _git(folder, "init", "--quiet", env=env)
    fetched = await _fetch(folder, url, ref, env)
    await _git(folder, "checkout", "--quiet", "--detach", fetched, env=env)
    told = await _git(folder, "rev-parse", "HEAD", env=env)
    return {"path": str(folder), "commit": told.stdout.strip()}


async def _fetch(folder: Path, url: str, ref: str, env: Mapping[str, str]) -> str:
    """What to check out."""
    try:
        await _git(folder, "fetch", "--quiet", "--depth", "1", "--", url, ref, env=env)
    except CommandFailed:
        if re.fullmatch(r"[0-9a-f]{4,40}", ref) is None:
            raise
        # A server may give commits by branch only; a short one it never knows.
        await _git(folder, "fetch", "--quiet", "--", url, "+refs/*:refs/all/*", env=env)
        found = await _git(folder, "rev-parse", "--verify", f"{ref}^{{commit}}", env=env)
        return found.stdout.strip()
    return "FETCH_HEAD"


async def _git(folder: Path, *words: str, env: Mapping[str, str]) -> CommandEnd:
    command: Sequence[str] = ["git", "-C", str(folder), *words]
    ended = await run_command(command, cwd=None, env=env, stdin=None, grace=GRACE)
    trouble = failed([f"git {words[0]}"], ended, (0,))
    if trouble is not None:
        raise trouble
    return ended


def _credentials(token: str | None) -> dict[str, str]:
    """The token as a header, by variables: others see a process's command line."""
    if token is None:
        return {}
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }


def _name_of(url: str, task: str) -> str:
    name = url.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
    kept = re.sub(r"[^\w.-]", "_", f"{task}-{name}")
    return kept.lstrip(".") or "repository"


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
