"""`ssh`: what the system's client is given; a stand-in for it runs the far command here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contracts.executor_cases import KINDS, at_work, attempt
from triphammer import ssh

pytestmark = pytest.mark.anyio
CLIENT = """#!/usr/bin/env bash
# As sshd does: the words after the host are one line for the far shell.
while [ "$1" != -- ]; do shift; done
shift
[ "$1" = gone ] && { echo "ssh: connect to host gone: no route" >&2; exit 255; }
shift
exec bash -c "$*"
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ssh"
    file.write_text(CLIENT)
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


async def ended(*args: Any, **more: Any) -> tuple[Any, str]:
    """The result or None, and the error's text."""
    one = attempt(lambda: ssh.fn(*args, **more))
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        result = await bench.result(one.id)
    value = None if result.value is None else msgspec.json.decode(result.value.body)
    return value, "" if result.error is None else result.error.message


async def test_words_arrive_as_they_were() -> None:
    value, error = await ended("me@far", "printf", "%s|", "a b", "$HOME", "it's; ls")
    assert error == ""
    assert value["stdout"] == "a b|$HOME|it's; ls|"


async def test_stdin_and_codes() -> None:
    value, _ = await ended("far", "cat", stdin="over there")
    assert value["stdout"] == "over there"
    _, error = await ended("far", "bash", "-c", "exit 4")
    assert error == "ssh far exited with code 4"


async def test_a_machine_that_is_not_there() -> None:
    _, error = await ended("gone", "ls")
    assert error == "ssh gone exited with code 255: ssh: connect to host gone: no route"


@pytest.mark.parametrize("args", [("far",), ("-oProxyCommand=touch hacked", "ls")])
async def test_what_is_no_host_and_command(args: tuple[str, ...]) -> None:
    _, error = await ended(*args)
    assert "needs a host and a command" in error
