"""Both clients against the real daemon."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from triphammer import AsyncClient, Client, Refused

FLOWS = {
    "all": """
from pathlib import Path

from triphammer import approve, artifact, events, flow, state, task, webhook


@task
def step(n: int) -> int:
    print("step", n)
    artifact(f"{n}", name="n.txt")
    state["last"] = n
    return n


@flow(on=events(type="steps.*"))
def steps(n: int = 2):
    return step.map([1, n])


@task
def wait(fifo: str) -> int:
    print("begun")
    print(Path(fifo).read_text())
    return 1


@flow
def waits(fifo: str):
    return wait(fifo)


@flow
def asks():
    said = approve("Go on?")
    return said["by"]


@flow(on=webhook("orders"))
def hooked(event):
    return step(1)
"""
}


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[Client]:
    with Client(daemon.url, by="a test") as client:
        yield client


def test_from_the_start_of_a_run_to_its_results(client: Client) -> None:
    begun = client.start("steps", {"n": 5}, key="once")
    assert client.start("steps", {"n": 5}, key="once")["id"] == begun["id"]
    assert [line["text"] for line in client.logs(begun["id"], follow=True)]
    run = client.wait(begun["id"][:20])
    assert (run["state"], run["result"]) == ("succeeded", [1, 5])
    assert client.result(run["id"], "step[1]")["result"] == 5
    assert {task["name"] for task in client.tasks(run["id"], limit=1)} == {
        "step",
        "step[0]",
        "step[1]",
    }
    kept = client.artifacts(run["id"])["items"]
    assert {b"".join(client.artifact(one["digest"])) for one in kept} == {b"1", b"5"}
    assert client.state("steps")["values"]["last"] in (1, 5)
    assert {line["text"] for line in client.logs(run["id"])} == {"step 1", "step 5"}


def test_events_and_their_runs_over_several_pages(client: Client) -> None:
    accepted = client.emit("steps.first", {"a": 1}, id="1", subject="s")
    assert client.emit("steps.first", {"a": 1}, id="1")["duplicate"]
    many = [
        {"specversion": "1.0", "type": "steps.more", "source": "test", "id": str(n)}
        for n in range(5)
    ]
    assert len(client.post_events(many)) == 5
    for one in list(client.runs(flow="steps", limit=2)):
        assert client.wait(one["id"])["state"] == "succeeded"
    assert len(list(client.runs(flow="steps", limit=2))) == 6
    assert len(client.runs(flow="steps", limit=2).page()["items"]) == 2
    event = client.event(accepted["event"])
    assert (event["subject"], event["dispositions"][0]["run"]) == ("s", accepted["runs"][0])
    assert [e["id"] for e in client.events(type="steps.more", limit=2)] == ["4", "3", "2", "1", "0"]


def test_what_an_operator_does(client: Client) -> None:
    asking = client.start("asks")["id"]
    for run in client.changes(asking):
        if run["waits"]:
            break
    answered = client.approve(asking, "approve", reason="fine")
    assert answered["operations"][-1]["by"] == "a test"
    assert client.wait(asking)["result"] == "a test"
    with pytest.raises(Refused) as raised:
        client.cancel(asking)
    assert raised.value.status == 409
    assert client.annotate(asking, note="seen", add_tags=["x"])["tags"] == ["x"]
    assert [run["id"] for run in client.runs(tag="x")] == [asking]
    assert client.pause("steps")["paused"]
    assert not client.resume("steps")["paused"]
    assert client.deliver("orders", {"a": 1})["runs"]


def test_refusals_say_why(client: Client) -> None:
    with pytest.raises(Refused, match="did you mean 'steps'") as raised:
        client.flow("step")
    assert raised.value.status == 404
    with pytest.raises(Refused) as raised:
        client.start("steps", {"n": "many"})
    assert raised.value.status == 422
    assert raised.value.errors[0]["where"] == "params.n"


def test_logs_and_the_end_of_a_run_survive_a_daemon_that_is_killed(
    make_daemon: Serve, tmp_path: Path
) -> None:
    """The second daemon goes on with the run; the client goes on with its lines, each once."""
    daemon = make_daemon(FLOWS)
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    with Client(daemon.url) as client:
        run = client.start("waits", {"fifo": str(fifo)})["id"]
        lines = client.logs(run, follow=True)
        assert next(lines)["text"] == "begun"
        daemon.kill()
        daemon.start("--port", daemon.url.rpartition(":")[2])
        fifo.write_text("go")
        rest = [line["text"] for line in lines]
        assert rest[-1] == "go"
        assert client.wait(run)["state"] == "succeeded"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_all_of_it_awaited(daemon: DaemonProcess, backend: str) -> None:
    async def use() -> None:
        async with AsyncClient(daemon.url) as client, aclosing(client.stream(opened=True)) as news:
            assert (await anext(news)).kind == "opened"
            run = (await client.start("steps"))["id"]
            async for one in news:
                if one.kind == "run" and one.state == "succeeded":
                    assert (one.id, one.flow) == (run, "steps")
                    break
            assert (await client.wait(run))["result"] == [1, 2]
            texts = {line["text"] async for line in client.logs(run, follow=True)}
            assert texts == {"step 1", "step 2"}
            assert [one["id"] async for one in client.runs(limit=1)] == [run]
            with pytest.raises(Refused, match="did you mean"):
                await client.flow("step")

    anyio.run(use, backend=backend)


def test_a_stream_is_taken_up_where_it_was_left(client: Client) -> None:
    stream = client.stream(kinds=["run"], flow="steps", opened=True)
    next(stream)
    run = client.start("steps")["id"]
    first = next(stream)
    assert (first.id, first.state) == (run, "queued")
    stream.close()
    client.wait(run)
    again = client.stream(kinds=["run"], flow="steps", after=first.place)
    assert [next(again).state, next(again).state] == ["running", "succeeded"]
    again.close()
