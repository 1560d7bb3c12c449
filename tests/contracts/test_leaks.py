"""Started and stopped a thousand times, nothing is held: no thread, no task, no descriptor."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from tests.acceptance.process import project
from tests.chaos.regime import times
from tests.contracts.sensor_cases import SensorCase, parameters
from tests.sensors.harness import Recorder, make_context, make_secrets, spec_of
from tests.support.leaks import FD, holdings
from triphammer.config.loading import load_settings
from triphammer.config.secrets import Secrets
from triphammer.sensors.registry import sensor_kind
from triphammer.service.announcement import Announcement
from triphammer.service.daemon import serve_until
from triphammer.service.reloads.asking import Reloads
from triphammer.service.systemd import Systemd, Unit

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    pytest.mark.skipif(not FD.is_dir(), reason="descriptors are counted in /proc"),
]
LOG = logging.getLogger("test")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_count_sees_what_is_held(tmp_path: Path) -> None:
    held = before = holdings()
    let_go = threading.Event()
    thread = threading.Thread(target=let_go.wait, name="left behind")
    async with anyio.create_task_group() as group:
        thread.start()
        group.start_soon(anyio.sleep_forever, name="left behind")
        await anyio.wait_all_tasks_blocked()
        with (tmp_path / "left behind").open("w"):
            held = holdings()
        group.cancel_scope.cancel()
    let_go.set()
    thread.join()
    assert [*(held.threads - before.threads)] == ["left behind"]
    assert [*(held.tasks - before.tasks)] == ["left behind"]
    assert [*(held.descriptors - before.descriptors)] == [str(tmp_path / "left behind")]
    assert holdings() == before


@pytest.mark.parametrize("case", parameters())
async def test_a_sensor_leaves_nothing_behind(case: SensorCase, tmp_path: Path) -> None:
    kind, recorder = sensor_kind(case.kind), Recorder()
    spec = kind.merge([spec_of(case.source(tmp_path), "listener")])
    context = make_context(spec, recorder, secrets=make_secrets(case.secrets))

    async def start_and_stop(number: int) -> None:
        sensor = kind.build(context)
        async with anyio.create_task_group() as group:
            await group.start(sensor.run)
            if number % 20 == 0:
                before = len(recorder.events)
                await case.cause(sensor, tmp_path, number)
                await recorder.wait_for(before + 1)
            group.cancel_scope.cancel()

    for number in range(20):
        await start_and_stop(number)
    before = holdings()
    for number in range(20, times(1000)):
        await start_and_stop(number)
    assert holdings() == before


FLOW = """
import time
from triphammer import Event, cron, every, files, flow, task, webhook

@task
def blocking() -> int:
    return 1

@task
async def waiting(n: int) -> int:
    return n

@flow(on=[webhook("in"), files("inbox", "*"), every("10ms", now=True), cron("* * * * *")])
def busy(event: Event) -> object:
    return waiting(blocking())
"""


@pytest.fixture
def _same_interpreter() -> Iterator[None]:
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)


@pytest.mark.timeout(times(120))
@pytest.mark.usefixtures("_same_interpreter")
async def test_a_whole_daemon_leaves_nothing_behind(tmp_path: Path) -> None:
    root = project(tmp_path / "project", {"busy": FLOW})
    loaded = load_settings(root, config=None, flags={"server.port": 0})

    async def start_and_stop() -> None:
        stop, url = anyio.Event(), list[str]()
        up = anyio.Event()

        def announced(news: Announcement) -> None:
            url.append(news.url)
            up.set()

        async with anyio.create_task_group() as group:
            serve = partial(
                serve_until,
                loaded,
                Secrets.of(loaded),
                stop=stop,
                reloads=Reloads(),
                announce=announced,
                systemd=Systemd(Unit(), LOG),
                log=LOG,
            )
            group.start_soon(serve)
            await up.wait()
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.post(f"{url[0]}/hooks/in", json={})).status_code == 202
            stop.set()

    for _ in range(3):
        await start_and_stop()
    before = holdings()
    for _ in range(times(30)):
        await start_and_stop()
    assert holdings() == before
