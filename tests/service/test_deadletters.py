from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from tests.contracts.store_cases import (
    NOW,
    a_message,
    a_run,
    begun,
    changed,
    one,
    opening,
    running,
)
from tests.service.outbox.ledger import ManualClock
from triphammer.sensors.errors import Rejected
from triphammer.service.dead_messages import DeadMessages
from triphammer.service.deadletters import (
    Acted,
    DeadFilter,
    DeadLetter,
    DeadLetters,
)
from triphammer.service.errors import NotFound, UnknownDeadLetter
from triphammer.service.store.contract import DisableEndpoint, OutboxResult
from triphammer.service.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.anyio
TARGET = "http://there"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Stones:
    """A second kind, of which all is dead."""

    name = "stone"

    def __init__(self, *stones: tuple[str, int]) -> None:
        self.lying = dict(stones)

    def owns(self, id: str) -> bool:
        return id.startswith("stone_")

    async def page(self, which: DeadFilter, after: str | None, limit: int) -> Sequence[DeadLetter]:
        found = [
            DeadLetter(
                kind="stone", id=id, place=id, at=at, reason="cold", attempts=0, created_at=at
            )
            for id, at in self.lying.items()
        ]
        return [item for item in found if after is None or item.place > after][:limit]

    async def redrive(self, ids: Sequence[str]) -> Sequence[bool]:
        return [self.lying.pop(id, None) is not None for id in ids]

    async def skip(self, ids: Sequence[str]) -> Sequence[bool]:
        return await self.redrive(ids)

    async def reopen(self, target: str) -> bool:
        return False


@pytest.fixture
async def store(anyio_backend: str, tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    async with running(opening("memory", tmp_path)) as opened:
        yield opened.store


async def killed(store: SqliteStore, *ids: str, at: int = NOW) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, outbox=tuple(a_message(id, target=TARGET) for id in ids)))
    for id in ids:
        await one(store, OutboxResult(id=id, state="dead", attempts=3, error="500", at=at))


def door(store: SqliteStore, *others: Stones) -> tuple[DeadLetters, list[None]]:
    """All kinds, and a list that grows with each change of messages."""
    told: list[None] = []
    clock = ManualClock()
    messages = DeadMessages(store, clock, lambda: told.append(None))
    return DeadLetters([messages, *others], clock, store.find), told


async def test_pages_go_over_all_kinds_without_a_gap(store: SqliteStore) -> None:
    await killed(store, "msg_1", "msg_2", "msg_3", at=NOW + 5)
    letters, _ = door(store, Stones(("stone_1", NOW + 5), ("stone_2", NOW + 1), ("stone_3", NOW)))
    seen: list[str] = []
    after: tuple[str, str] | None = None
    while found := await letters.page(DeadFilter(), after, 2):
        seen += [letter.id for letter in found]
        after = (found[-1].kind, found[-1].place)
    assert seen == ["msg_3", "msg_2", "msg_1", "stone_1", "stone_2", "stone_3"]
    (newest,) = await letters.page(DeadFilter(kind="message"), None, 1)
    assert (newest.id, newest.reason, newest.target, newest.attempts) == (
        "msg_3",
        "500",
        TARGET,
        3,
    )


async def test_named_ones_of_several_kinds(store: SqliteStore) -> None:
    await killed(store, "msg_1", "msg_2")
    letters, told = door(store, Stones(("stone_1", NOW)))
    done = await letters.redrive(["msg_1", "stone_1", "msg_9", "other"])
    assert (done.count, done.not_dead) == (2, ["msg_9", "other"])
    assert told
    assert (await letters.skip(["msg_2"])).count == 1
    assert await store.outbox_counts() == {"pending": 1, "skipped": 1}
    with pytest.raises(UnknownDeadLetter, match="msg_1"):
        await letters.redrive(["msg_1"])


async def test_ids_may_be_shortened(store: SqliteStore) -> None:
    await killed(store, "msg_11", "msg_12", "msg_2")
    letters, _ = door(store)
    assert (await letters.redrive(["msg_2", "msg_12"])).count == 2
    with pytest.raises(NotFound, match="'msg_1' is the beginning of several: msg_11, msg_12"):
        await letters.redrive(["msg_1"])
    assert (await letters.skip(["msg_11"])).count == 1


async def test_all_that_a_filter_means(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triphammer.service.deadletters.BATCH", 2)
    await killed(store, *(f"msg_{n}" for n in range(5)))
    letters, _ = door(store, Stones(("stone_1", NOW)))
    assert await letters.redrive_all(DeadFilter(kind="message", flow="bills")) == (Acted(0), False)
    assert await letters.redrive_all(DeadFilter(kind="message")) == (Acted(5), False)
    assert await store.outbox_counts() == {"pending": 5}
    assert await letters.skip_all(DeadFilter()) == Acted(1)


async def test_a_redrive_by_target_enables_it(store: SqliteStore) -> None:
    await one(store, DisableEndpoint(target=TARGET, reason="410", at=NOW))
    letters, told = door(store)
    assert await letters.redrive_all(DeadFilter(target=TARGET)) == (Acted(0), True)
    assert await store.endpoints() == []
    assert told


async def test_an_unknown_kind_is_refused(store: SqliteStore) -> None:
    letters, _ = door(store)
    with pytest.raises(Rejected, match="of kind message"):
        await letters.page(DeadFilter(kind="ghost"), None, 5)


@pytest.mark.parametrize("cursor", [("ghost", "1.m"), ("message", "x.m"), ("message", "1")])
async def test_a_place_that_was_never_given_is_refused(
    store: SqliteStore, cursor: tuple[str, str]
) -> None:
    letters, _ = door(store)
    with pytest.raises(Rejected):
        await letters.page(DeadFilter(), cursor, 5)
