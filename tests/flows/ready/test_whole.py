"""Ready-made tasks in a flow: run for real, and with stand-ins in the testing kit."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from triphammer import connection, flow, http, shell, sql, text
from triphammer.testing import simulate


@flow
def report(name: str = "ada") -> Any:
    said = shell(sys.executable, "-c", "import sys; print(sys.argv[1])", name)
    return text("{said}", said=said["stdout"])


@flow
def outside() -> Any:
    return http("GET", "http://target.test")["status"]


@flow
def asking() -> Any:
    return sql(connection("warehouse"), "SELECT 1")["count"]


def test_a_command_in_a_flow() -> None:
    assert report.run(name="grace") == "grace\n"


@pytest.mark.parametrize("one", [report, outside, asking])
def test_nothing_leaves_the_testing_kit(one: Any) -> None:
    tables = {"warehouse": {"driver": "psycopg"}}
    with simulate(one, connections=tables) as sim:
        run = sim.start(one)
        assert run.state == "failed"
        assert run.error is not None
        assert "overrides=" in run.error.message


def test_stand_ins_have_the_arguments() -> None:
    seen: list[tuple[Any, ...]] = []

    def fake(*args: Any) -> dict[str, Any]:
        seen.append(args[3:])
        return {"code": 0, "stdout": "faked", "stderr": ""}

    async def answered(method: str, url: str) -> dict[str, Any]:
        return {"status": 204}

    with simulate(report, outside, overrides={shell: fake, http: answered}) as sim:
        assert sim.start(report).result == "faked"
        assert sim.start(outside).result == 204
    assert seen == [("ada",)]


def test_what_is_no_task_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="is a task or a resource"):
        simulate(report, overrides={"shell": print})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType] - the mistake itself
