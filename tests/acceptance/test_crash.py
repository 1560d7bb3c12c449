"""Killed at any moment and started again: finished work is kept, the rest is done again."""

from __future__ import annotations

from collections import Counter

from tests.acceptance.conftest import Serve
from tests.acceptance.process import state_file_lines

FLOWS = {
    "long": """
import asyncio
from pathlib import Path
from triphammer import Event, events, flow, task


@task
async def step(n: int, root: str) -> int:
    with open(root + "/effects.txt", "a") as file:
        file.write(f"{n}\\n")
    while n >= 10 and not Path(root, "go").exists():
        await asyncio.sleep(0.05)
    return n

@task
async def join(numbers: list[int]) -> int:
    return sum(numbers)

@flow(on=events(type="go"))
def long(event: Event) -> object:
    steps = []
    for n in range(20):
        one = step(n, event.data["root"])
        if n >= 4:
            steps[n - 4] >> one
        steps.append(one)
    return join(steps)
""",
}


def test_a_run_of_twenty_tasks_survives_kill_9(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    effects = daemon.project / "effects.txt"
    event = {"specversion": "1.0", "id": "1", "source": "t", "type": "go"}
    body = {**event, "data": {"root": str(daemon.project)}}
    headers = {"content-type": "application/cloudevents+json"}
    daemon.post("/api/v1/events", json=body, headers=headers)

    def journaled() -> list[str]:
        run = daemon.runs("long")[0]
        tasks = daemon.get(f"/api/v1/runs/{run['id']}")["tasks"]
        done = [t["name"] for t in tasks if t["state"] == "succeeded"]
        return done if len(done) >= 6 else []

    done = daemon.wait_until(journaled)
    daemon.kill()
    times = Counter(state_file_lines(effects))
    (daemon.project / "go").touch()
    daemon.start()
    [run] = daemon.wait_for_runs("long")
    assert run["result"] == sum(range(20))
    final = Counter(state_file_lines(effects))
    number = {("step" if n == 0 else f"step_{n + 1}"): str(n) for n in range(20)}
    for name in done:  # journaled before the kill: never again
        assert final[number[name]] == times[number[name]] == 1, name
    assert set(final) == {str(n) for n in range(20)}
    assert max(final.values()) <= 2


def test_the_same_delivery_comes_once_also_over_a_restart(make_daemon: Serve) -> None:
    flows = {
        "once": """
from triphammer import Event, events, files, flow, task, webhook

@task
def note(what: str) -> str:
    return what

@flow(on=[webhook("in"), events(type="e"), files("inbox", "*", settle="20ms")])
def once(event: Event) -> object:
    return note(event.type)
"""
    }
    daemon = make_daemon(flows)
    event = {"specversion": "1.0", "id": "7", "source": "shop", "type": "e", "data": 1}
    headers = {"content-type": "application/cloudevents+json"}
    (daemon.project / "inbox" / "a.bin").write_bytes(b"x")
    answers = [
        daemon.post("/hooks/in", json={}, headers={"webhook-id": "d1"}).json() for _ in range(2)
    ]
    assert [a["duplicate"] for a in answers] == [False, True]
    assert answers[0]["runs"] == answers[1]["runs"]
    daemon.post("/api/v1/events", json=event, headers=headers)
    daemon.wait_for_runs("once", 3)
    daemon.kill()
    daemon.start()
    again = daemon.post("/api/v1/events", json=event, headers=headers).json()
    assert again["events"][0]["duplicate"]
    hook = daemon.post("/hooks/in", json={}, headers={"webhook-id": "d1"}).json()
    assert hook["duplicate"]
    (daemon.project / "inbox" / "b.bin").write_bytes(b"y")
    daemon.wait_for_runs("once", 4)
    assert len(daemon.runs("once")) == 4


def test_two_daemons_never_share_a_data_folder(make_daemon: Serve) -> None:
    from tests.acceptance.process import cli

    daemon = make_daemon(FLOWS)
    second = cli(daemon.project, "serve", "--port", "0")
    assert second.returncode == 1
    assert "used by another daemon" in second.stderr
    assert str(daemon.pid) in second.stderr
