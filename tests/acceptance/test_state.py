"""What a flow remembers, looked at and changed while the daemon runs."""

from __future__ import annotations

from typing import Any

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, as_json
from tests.acceptance.sound import nothing_went_wrong

FLOWS = {
    "polling": """
import asyncio
from pathlib import Path
from triphammer import flow, secret, state, task

@task
async def poll(gate: str | None) -> int:
    cursor = state.get("cursor", 0)
    while gate is not None and not Path(gate).exists():
        await asyncio.sleep(0.01)
    state["cursor"] = cursor + 1
    return cursor

@task
def keep(value: object) -> dict[str, object]:
    state["kept/it"] = "token " + str(value)
    return {"returned": value}

@flow
def polling(gate: str | None = None):
    return poll(gate)

@flow
def keeping():
    return keep(secret("TOKEN"))
"""
}
SECRET = {"TRIPHAMMER_SECRETS__TOKEN": "very-secret"}
PATH = "/api/v1/flows/polling/state"


def told(daemon: DaemonProcess, *arguments: str) -> Any:
    done = daemon.cli("state", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return as_json(done.stdout)


def polled(daemon: DaemonProcess) -> Any:
    done = daemon.cli("start", "polling", "--wait", "--json")
    return as_json(done.stdout)["result"]


def test_state_is_set_and_tasks_go_on_from_it_also_after_a_crash(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    assert polled(daemon) == 0
    assert told(daemon, "get", "polling") == {"flow": "polling", "values": {"cursor": 1}}
    changed = told(daemon, "set", "polling", "cursor", "40")
    assert changed == {"flow": "polling", "keys": ["cursor"], "under_way": []}
    told(daemon, "set", "polling", "odd/../key", '{"a": [1, null]}')
    assert daemon.cli("state", "get", "polling", "odd/../key").stdout.split() == [
        *["{", '"a":', "[", "1,", "null", "]", "}"]
    ]
    daemon.kill()
    daemon.start()
    assert polled(daemon) == 40
    assert told(daemon, "get", "polling", "cursor")["value"] == 41
    told(daemon, "delete", "polling", "cursor")
    assert polled(daemon) == 0
    assert told(daemon, "delete", "polling", "--all")["keys"] == ["cursor", "odd/../key"]
    assert daemon.cli("state", "get", "polling").stdout == "polling remembers nothing.\n"
    nothing_went_wrong(daemon)


def test_a_run_of_a_flow_that_is_removed_remembers_over_a_crash(make_daemon: Serve) -> None:
    daemon = make_daemon({**FLOWS, "gone": FLOWS["polling"].replace("def polling", "def gone")})
    told(daemon, "set", "gone", "cursor", "40")
    daemon.cli("start", "gone", "--param", "gate=open")
    daemon.wait_until(lambda: daemon.runs("gone", "running"))
    daemon.kill()
    (daemon.project / "flows" / "gone.py").unlink()
    daemon.start()
    (daemon.project / "open").touch()
    [run] = daemon.wait_for_runs("gone")
    assert run["result"] == 40
    assert told(daemon, "get", "gone")["values"] == {"cursor": 41}
    refused = daemon.cli("state", "set", "gone", "cursor", "1")
    assert "no flow is named 'gone'" in refused.stderr
    assert told(daemon, "delete", "gone", "--all")["keys"] == ["cursor"]
    nothing_went_wrong(daemon)


def test_while_a_task_is_under_way_state_is_left_alone_unless_forced(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    daemon.cli("start", "polling", "--param", "gate=open")
    daemon.wait_until(lambda: daemon.runs("polling", "running"))
    refused = daemon.cli("state", "set", "polling", "cursor", "40")
    assert refused.returncode == 1
    assert "polling is at work: poll of run_" in refused.stderr
    assert "Pause it, wait for them" in refused.stderr
    assert httpx.delete(daemon.url + PATH, trust_env=False).status_code == 409
    forced = daemon.cli("state", "set", "polling", "cursor", "40", "--force")
    assert "poll was under way and may overwrite it" in forced.stderr
    told(daemon, "set", "polling", "other", "2", "--force")
    (daemon.project / "open").touch()
    daemon.wait_for_runs("polling")
    assert told(daemon, "get", "polling")["values"] == {"cursor": 1, "other": 2}
    nothing_went_wrong(daemon)


def test_pages_show_no_secret_that_a_task_has_returned(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, env=SECRET)
    assert daemon.cli("start", "keeping", "--wait").returncode == 0
    (run,) = daemon.runs("keeping")
    page = daemon.text(f"/runs/{run['id']}")
    assert "returned" in page
    assert "***" in page
    assert "very-secret" not in page


def test_what_cannot_be_said_of_a_state(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, env=SECRET)
    assert daemon.cli("start", "keeping", "--wait").returncode == 0
    assert told(daemon, "get", "keeping")["values"] == {"kept/it": "token ***"}

    def said(*arguments: str) -> str:
        done = daemon.cli("state", *arguments)
        assert done.returncode != 0
        return " ".join(done.stderr.replace("│", "").split())

    assert "no flow is named 'poling'; did you mean 'polling'?" in said("get", "poling")
    assert "no flow is named 'nobody'" in said("set", "nobody", "a", "1")
    assert "no key 'kept'; did you mean 'kept/it'?" in said("get", "keeping", "kept")
    assert "no key 'cursor'; it has: nothing" in said("delete", "polling", "cursor")
    assert "not JSON" in said("set", "polling", "cursor", "{")
    assert "does not begin with $" in said("set", "polling", "$pace", "1")
    assert "no key '$pace'" in said("get", "polling", "$pace")
    assert "name a key, or --all" in said("delete", "polling")
    nan = httpx.put(
        f"{daemon.url}{PATH}/a",
        content=b'{"value": NaN}',
        headers={"content-type": "application/json"},
        trust_env=False,
    )
    assert nan.status_code in (400, 422), nan.text
    nothing_went_wrong(daemon)


def test_a_value_is_only_replaced_where_it_is_the_one_that_was_read(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    at = f"{daemon.url}{PATH}/cursor"
    with httpx.Client(trust_env=False) as client:

        def put(value: Any, **headers: str) -> int:
            return client.put(at, json={"value": value}, headers=headers).status_code

        assert put(1, **{"If-Match": "*"}) == 412
        assert put(1) == 200
        tag = client.get(at).headers["etag"]
        assert put(2, **{"If-Match": f'"0", {tag}'}) == 200
        assert put(3, **{"If-Match": tag}) == 412
        assert client.delete(at, headers={"If-Match": tag}).status_code == 412
        assert client.get(at).json()["value"] == 2
        assert client.delete(at, headers={"If-Match": "*"}).status_code == 200
        assert client.get(at).status_code == 404
        wrong = client.post(at)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "DELETE, GET, PUT")
    nothing_went_wrong(daemon)
