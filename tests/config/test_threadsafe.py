"""Reaching the loop from another thread, on both kinds of loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Literal

import anyio
import pytest

from triphammer.config.threadsafe import CallSoon, thread_caller


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_thread_is_heard_on_the_loop(backend: Literal["asyncio", "trio"]) -> None:
    async def main() -> tuple[int, int]:
        heard = anyio.Event()
        on: list[int] = []

        def listen() -> None:
            on.append(threading.get_ident())
            heard.set()

        thread = threading.Thread(target=thread_caller(), args=(listen,))
        thread.start()
        await heard.wait()
        thread.join()
        return on[0], threading.get_ident()

    called, loop = anyio.run(main, backend=backend)
    assert called == loop


async def caller() -> CallSoon:
    return thread_caller()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_calls_after_the_loop_ended_are_dropped(backend: Literal["asyncio", "trio"]) -> None:
    call_soon = anyio.run(caller, backend=backend)
    call_soon(lambda: pytest.fail("nobody should hear this"))


def test_other_faults_of_the_loop_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        call_soon = thread_caller()

        def refuse(*_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(asyncio.get_running_loop(), "call_soon_threadsafe", refuse)
        with pytest.raises(RuntimeError, match="broken"):
            call_soon(lambda: None)
        monkeypatch.undo()

    anyio.run(main)
