"""Threads of our own on a Dask worker: what was opened in one is closed in it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Thread, get_ident

from triphammer.config.secrets import Secrets
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.executors.dask.seats import Carry, Seats
from triphammer.flows.executors.seat import Seat
from triphammer.flows.resource import Resource, resource

SECRETS = Secrets(values={})


def a_resource(record: list[str]) -> Resource[int]:
    @resource
    def ident() -> Iterator[int]:
        mine = get_ident()
        record.append("open")
        yield mine
        record.append("close" if get_ident() == mine else "close elsewhere")

    return ident


def taking(one: Resource[int], wait: Barrier | None = None) -> Carry:
    def carry(seat: Seat) -> AttemptResult:
        with seat.opened().lent_plain({"one": one}, SECRETS) as values:
            assert values == {"one": get_ident()}
        if wait is not None:
            wait.wait()
        return AttemptResult(id=AttemptId("r", "t", 1, 0), started_at=0, finished_at=0)

    return carry


def test_a_seat_is_taken_again_and_closes_at_the_end() -> None:
    record: list[str] = []
    seats, one = Seats(), a_resource(record)
    for _ in range(3):
        seats.carry_out(taking(one))
    assert record == ["open"]
    seats.close()
    assert record == ["open", "close"]


def test_attempts_at_once_have_seats_of_their_own() -> None:
    record: list[str] = []
    seats, one, both = Seats(), a_resource(record), Barrier(2)
    other = Thread(target=lambda: seats.carry_out(taking(one, both)))
    other.start()
    seats.carry_out(taking(one, both))
    other.join()
    seats.close()
    assert sorted(record) == ["close", "close", "open", "open"]


def test_one_that_is_idle_for_long_closes() -> None:
    record: list[str] = []
    seats, one = Seats(idle=0.01), a_resource(record)
    seats.carry_out(taking(one))
    seats.wait_empty()
    assert record == ["open", "close"]
    seats.carry_out(taking(one))
    seats.wait_empty()
    assert record == ["open", "close", "open", "close"]
