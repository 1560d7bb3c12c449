"""What is asked for on the page of an event and cannot be done is answered as what it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from triphammer.config.errors import TriphammerError
from triphammer.sensors.errors import Overloaded, StoreUnavailable
from triphammer.service.errors import StateForbids
from triphammer.service.web.console.events import EventPages
from triphammer.service.web.problems import on_triphammer_error

pytestmark = pytest.mark.anyio


class Stored:
    """What the page reads of `Reading`, and the operations that fail by `error`."""

    def __init__(self, error: TriphammerError) -> None:
        self.error = error

    async def full_id(self, id: str, _: object) -> str:
        return id

    async def event(self, key: str) -> dict[str, str]:
        return {"key": key}

    async def stored_event(self, key: str) -> Any:
        return SimpleNamespace(event=None)

    async def emit_again(self, key: str) -> Any:
        raise self.error

    async def start(self, *_: object, **__: object) -> Any:
        raise self.error


@pytest.mark.parametrize("what", ["again", "start"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoreUnavailable("the disk is full"), 503),
        (Overloaded("too many events wait"), 429),
        (StateForbids("its data are gone"), 409),
    ],
)
async def test_what_is_no_fault_of_the_form_is_no_fault_of_the_form(
    what: str, error: TriphammerError, status: int
) -> None:
    stored: Any = Stored(error)
    pages: Any = None
    routes = EventPages(stored, stored, pages, mask=str).routes()
    app = Starlette(routes=routes, exception_handlers={TriphammerError: on_triphammer_error})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.post(f"/events/evt_1/{what}")
    assert answer.status_code == status
    assert answer.json()["detail"] == str(error)
