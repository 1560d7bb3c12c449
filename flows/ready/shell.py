"""`shell`: a command of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from triphammer.config.durations import DurationLike, seconds
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.ready.command import failed, run_command
from triphammer.flows.task import task


@task(name="shell")
async def shell(
    command: str | PurePath,
    *args: Any,
    cwd: str | PurePath | None = None,
    env: Mapping[str, Any] | None = None,
    stdin: str | bytes | None = None,
    ok: Sequence[int] = (0,),
    grace: DurationLike = "10s",
) -> dict[str, Any]:
    """Run a command, without a shell between: `shell("dbt", "run", "--select", model)`.

    Its lines stream to the task's log. The result is `{"code", "stdout", "stderr"}`, the
    last 250,000 characters of each output. `cwd` is below the project root (which is also where it
    runs without one), `env` is added to the daemon's variables (its settings taken out), `ok`
    are the codes that count as success. A cancel or timeout ends the command with all that it
    has started: SIGTERM, and SIGKILL after `grace`. What it leaves in the background ends with
    it. Raises `CommandFailed`.
    """
    line = [_text(word) for word in (command, *args)]
    variables = {name: _text(value) for name, value in (env or {}).items()}
    ended = await run_command(line, cwd=cwd, env=variables, stdin=stdin, grace=seconds(grace))
    trouble = failed(line, ended, ok)
    if trouble is not None:
        raise trouble
    return {"code": ended.code, "stdout": ended.stdout, "stderr": ended.stderr}


def _text(word: Any) -> str:
    """A word of a command line; anything but text, numbers and paths is a mistake."""
    if isinstance(word, bool) or not isinstance(word, (str, int, float, PurePath)):
        raise ValueMisfit(f"{word!r} is no word of a command: give texts, numbers or paths")
    text = str(word)
    if "\0" in text:
        raise ValueMisfit(f"a word of a command cannot hold a null character: {text!r}")
    return text
