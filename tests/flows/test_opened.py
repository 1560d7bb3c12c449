"""Resources of one place: opened once, owned by one task, closed when nobody wants them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from trio.testing import MockClock

from triphammer.config.secrets import Secrets
from triphammer.flows.context import current_context
from triphammer.flows.credentials import secret
from triphammer.flows.errors import NotInTask, ResourceFailed
from triphammer.flows.opened import CLOSE_SECONDS, Opened
from triphammer.flows.resource import Resource, resource, use

pytestmark = pytest.mark.anyio
SECRETS = Secrets(values={"DSN": "pg://there"})


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    clock = {"clock": MockClock(autojump_threshold=0)}
    return ("trio", clock) if request.param == "trio" else "asyncio"


@asynccontextmanager
async def a_place() -> AsyncGenerator[Opened]:
    opened = Opened()
    async with anyio.create_task_group() as group:
        await group.start(opened.run)
        try:
            yield opened
        finally:
            opened.stop()


def recorded(record: list[str], *, fails: int = 0) -> Resource[str]:
    left = fails

    @resource
    async def pg() -> AsyncIterator[str]:
        nonlocal left
        await anyio.lowlevel.checkpoint()
        if left:
            left -= 1
            raise ConnectionError("refused")
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            record.append("open")
            yield str(secret("DSN"))
            record.append("close")
            group.cancel_scope.cancel()

    return pg


async def test_opened_once_for_all_that_come_and_closed_at_the_end() -> None:
    record: list[str] = []
    pg = recorded(record)
    async with a_place() as opened, anyio.create_task_group() as group:

        async def take() -> None:
            async with opened.lent({"pg": pg}, SECRETS) as values:
                assert values == {"pg": "pg://there"}

        for _ in range(5):
            group.start_soon(take)
    assert record == ["open", "close"]


async def test_what_fails_to_open_fails_for_all_that_wait_and_is_tried_anew() -> None:
    record: list[str] = []
    pg, failures = recorded(record, fails=1), list[ResourceFailed]()
    async with a_place() as opened:
        async with anyio.create_task_group() as group:

            async def take() -> None:
                try:
                    async with opened.lent({"pg": pg}, SECRETS):
                        pass
                except ResourceFailed as error:
                    failures.append(error)

            for _ in range(3):
                group.start_soon(take)
        assert [str(error.cause) for error in failures] == ["refused"] * 3
        async with opened.lent({"pg": pg}, SECRETS):
            assert record == ["open"]


async def test_out_of_service_it_is_closed_once_nobody_has_it() -> None:
    record: list[str] = []
    pg = recorded(record)
    async with a_place() as opened:
        async with opened.lent({"pg": pg}, SECRETS):
            opened.keep(frozenset([pg]))
            opened.keep(frozenset())
            await anyio.wait_all_tasks_blocked()
            assert record == ["open"]
        async with opened.lent({"pg": pg}, SECRETS):  # opened anew behind the closing one
            assert record == ["open", "close", "open"]
        await anyio.wait_all_tasks_blocked()
        assert record == ["open", "close", "open", "close"]
        assert not opened


async def test_one_that_breaks_while_it_is_open_is_opened_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    breaks, count = anyio.Event(), 0

    @resource
    async def fragile() -> AsyncIterator[int]:
        nonlocal count
        count += 1

        async def broken() -> None:
            await breaks.wait()
            raise ConnectionError("lost")

        async with anyio.create_task_group() as group:
            if count == 1:
                group.start_soon(broken)
            yield count

    async with a_place() as opened:
        async with opened.lent({"it": fragile}, SECRETS) as values:
            breaks.set()
            while opened:  # until its owner has seen it
                await anyio.lowlevel.checkpoint()
            assert values == {"it": 1}
        async with opened.lent({"it": fragile}, SECRETS) as values:
            assert values == {"it": 2}
    assert "resource fragile has failed; it is opened anew when used" in caplog.text


async def test_an_attempt_that_gives_up_waiting_harms_no_other() -> None:
    slow = anyio.Event()

    @resource
    async def late() -> AsyncIterator[int]:
        await slow.wait()
        yield 1

    async with a_place() as opened:
        with anyio.move_on_after(0.01):
            async with opened.lent({"late": late}, SECRETS):
                raise AssertionError("it was given what is not open")
        slow.set()
        async with opened.lent({"late": late}, SECRETS) as values:
            assert values == {"late": 1}


async def test_it_belongs_to_no_attempt_and_never_hangs_the_end(anyio_backend: Any) -> None:
    if anyio_backend == "asyncio":
        pytest.skip("takes real time")
    begun = anyio.current_time()

    @resource
    async def stuck() -> AsyncIterator[int]:
        assert current_context() is None
        yield 1
        await anyio.sleep_forever()

    async with a_place() as opened, opened.lent({"stuck": stuck}, SECRETS):
        pass
    assert anyio.current_time() - begun == pytest.approx(CLOSE_SECONDS)


def test_plain_ones_close_in_reverse_and_tell_what_they_raise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    record: list[str] = []

    @resource
    def lower() -> Iterator[str]:
        record.append(f"open lower {secret('DSN')}")
        yield "lower"
        record.append(f"close lower {secret('DSN')}")

    @resource
    def upper(lower: str = use(lower)) -> Iterator[str]:
        record.append("open upper")
        yield f"upper of {lower}"
        record.append("close upper")
        raise NotInTask("too late")

    opened = Opened()
    with opened.lent_plain({"a": upper, "b": lower}, SECRETS) as values:
        assert values == {"a": "upper of lower", "b": "lower"}
    assert record == ["open lower pg://there", "open upper"]
    opened.keep(frozenset([lower, upper]))
    assert opened
    opened.close_plain()
    assert record[2:] == ["close upper", "close lower pg://there"]
    assert not opened
    assert "resource upper did not close well" in caplog.text
