"""`shell`: what it says, how it ends, and that it leaves nothing behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.contracts.executor_cases import KINDS, at_work, attempt
from triphammer import shell
from triphammer.flows.ready.command import KEPT, environment

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ended(*command: Any, **more: Any) -> tuple[Any, str]:
    """The result or None, and the error's text."""
    one = attempt(lambda: shell.fn(*command, **more))
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        result = await bench.result(one.id)
    value = None if result.value is None else msgspec.json.decode(result.value.body)
    return value, "" if result.error is None else result.error.message


def python(text: str) -> tuple[str, str, str]:
    return sys.executable, "-c", text


async def test_code_and_outputs_are_the_result() -> None:
    both = "import sys; print('said'); print('warned', file=sys.stderr)"
    value, error = await ended(*python(both))
    assert (value, error) == ({"code": 0, "stdout": "said\n", "stderr": "warned\n"}, "")


async def test_what_it_is_given() -> None:
    text = "import os, sys; print(os.environ['MODE'], sys.argv[1], sys.stdin.read())"
    value, _ = await ended(*python(text), 7, env={"MODE": "full"}, stdin="all of it")
    assert value["stdout"] == "full 7 all of it\n"


async def test_a_code_that_is_no_success_fails_with_the_last_words() -> None:
    text = "import sys; print('first', file=sys.stderr); sys.exit('no such model')"
    value, error = await ended(*python(text))
    assert value is None
    assert error == f"{sys.executable} exited with code 1: no such model"


async def test_codes_that_are_as_good() -> None:
    value, _ = await ended(*python("raise SystemExit(3)"), ok=(0, 3))
    assert value["code"] == 3


async def test_a_signal_is_named() -> None:
    _, error = await ended(*python("import os; os.kill(os.getpid(), 11)"))
    assert error == f"{sys.executable} was ended by SIGSEGV"


@pytest.mark.parametrize(
    ("command", "more", "says"),
    [
        (("no-such-command",), {}, "no-such-command cannot be started"),
        (("ls", True), {}, "True is no word of a command"),
        (("ls", "a\0b"), {}, "null character"),
        (("ls",), {"cwd": "not/there"}, "there is no folder"),
        (("ls",), {"grace": "soon"}, "'soon'"),
    ],
)
async def test_mistakes_say_what_is_wrong(
    command: tuple[Any, ...], more: dict[str, Any], says: str
) -> None:
    value, error = await ended(*command, **more)
    assert value is None
    assert says in error


async def test_of_much_output_the_end_is_kept() -> None:
    text = "import sys\nfor n in range(40): sys.stdout.write('x' * 100_000)\nprint('end')"
    value, _ = await ended(*python(text))
    assert len(value["stdout"]) == KEPT
    assert value["stdout"].endswith("end\n")


async def test_what_is_no_text_is_replaced() -> None:
    value, _ = await ended(*python("import os; os.write(1, b'a\\xffb')"))
    assert value["stdout"] == "a\ufffdb"


async def test_a_command_that_reads_nothing_harms_nobody() -> None:
    value, _ = await ended(*python("print('deaf')"), stdin="x" * 1_000_000)
    assert value["stdout"] == "deaf\n"


async def test_its_lines_are_logged_while_it_runs(tmp_path: Path) -> None:
    one = attempt(lambda: shell.fn("bash", "-c", "echo one; echo two >&2; sleep 600"))
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        await bench.until_said("work", "one")
        await bench.until_said("work", "two")
        bench.executor.cancel(one.id)
        await bench.result(one.id)


async def test_what_it_leaves_in_the_background_ends_with_it() -> None:
    text = "sleep 600 & echo $!"
    value, _ = await ended("bash", "-c", text)
    await gone(int(value["stdout"]))


async def test_a_timeout_ends_it_with_all_that_it_has_started(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    text = f"sleep 600 & echo $$ $! > {file}.part; mv {file}.part {file}; wait"
    one = attempt(lambda: shell.fn("bash", "-c", text), timeout=1.0)
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        result = await bench.result(one.id)
    assert result.error is not None
    assert result.error.type == "AttemptTimeout"
    for id in map(int, file.read_text().split()):
        await gone(id)


async def test_one_that_will_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    file = tmp_path / "id"
    text = (
        "import os, pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    )
    one = attempt(lambda: shell.fn(*python(text), grace="200ms"))
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        await anyio.to_thread.run_sync(wait_for_text, file)
        bench.executor.cancel(one.id)
        result = await bench.result(one.id)
    assert result.cancelled
    await gone(int(file.read_text()))


def wait_for_text(file: Path) -> None:
    while not file.exists() or not file.read_text():
        os.sched_yield()


async def gone(id: int) -> None:
    """Return once the process has ended; the test's own time limit is the limit."""
    while "\nState:\tZ" not in status(id):  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(0.01)


def status(id: int) -> str:
    try:
        return Path(f"/proc/{id}/status").read_text()
    except OSError:
        return "\nState:\tZ"  # there is none any more


def test_the_daemons_settings_are_not_a_commands() -> None:
    settings = ("SECRETS__KEY", "KAFKA__SASL_PASSWORD", "CONNECTIONS__WAREHOUSE__PASSWORD", "TOKEN")
    inherited = {f"TRIPHAMMER_{name}": "hush" for name in settings}
    kept = {"PATH": "/bin", "TRIPHAMMER_URL": "http://127.0.0.1:9"}
    assert environment({"A": "1"}, {**inherited, **kept}) == {**kept, "A": "1"}
