"""`ssh`: a command of another machine, by the system's own client and its configuration."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from triphammer.config.durations import DurationLike, seconds
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.ready.command import failed, run_command
from triphammer.flows.task import task

OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15")
"""Ask nobody for a password, and notice a machine that has gone."""


@task(name="ssh")
async def ssh(
    host: str,
    *args: Any,
    options: Sequence[str] = (),
    stdin: str | bytes | None = None,
    ok: Sequence[int] = (0,),
    grace: DurationLike = "10s",
) -> dict[str, Any]:
    """Run a command on `host` (`user@host`, or a name of ~/.ssh/config) over `ssh`.

    Words are quoted for the far shell. `options` are further ones of the client, such as
    `["-i", "key", "-p", "2222"]`. Result and the rest as for `shell`. Keys and known hosts
    are the client's business; a cancel ends the connection, and with it what the far side ties
    to it. Raises `CommandFailed`; code 255 is the client's own.
    """
    if not args or host.startswith("-"):
        raise ValueMisfit(f"ssh({host!r}, ...) needs a host and a command")
    command = ["ssh", *OPTIONS, *options, "--", host, shlex.join(str(word) for word in args)]
    ended = await run_command(command, cwd=None, env={}, stdin=stdin, grace=seconds(grace))
    trouble = failed([f"ssh {host}"], ended, ok)
    if trouble is not None:
        raise trouble
    return {"code": ended.code, "stdout": ended.stdout, "stderr": ended.stderr}
