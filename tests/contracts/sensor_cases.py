"""The kinds of sensors that the contract is checked for: each adds its case to `CASES`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.sensors.deliveries import WHSEC, by_standard
from triphammer.config.clock import SystemClock
from triphammer.config.source import Source
from triphammer.sensors.contract import Sensor
from triphammer.sensors.custom import sensor
from triphammer.sensors.files import files
from triphammer.sensors.headers import Headers
from triphammer.sensors.timers import every
from triphammer.sensors.webhook import HookRequest, standard, webhook
from triphammer.sensors.webhook.sensor import WebhookSensor


@dataclass(frozen=True)
class SensorCase:
    """A kind of sensor: a source of it in a folder, and how to bring one event about.

    `cause` gets the running sensor, the folder and a number that differs from call to call.
    """

    kind: str
    source: Callable[[Path], Source]
    cause: Callable[[Sensor, Path, int], Awaitable[None]]
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    marks: tuple[Any, ...] = ()
    happens_at_its_source: bool = True
    """Without the sensor; else it is pushed at it."""


async def by_itself(_sensor: Sensor, _folder: Path, _number: int) -> None:
    """Time brings the event about."""


async def deliver(built: Sensor, _folder: Path, number: int) -> None:
    """Post one signed delivery."""
    assert isinstance(built, WebhookSensor)
    now = SystemClock().now()
    body = b'{"n": %d}' % number
    headers = {
        **by_standard(body, now // 1_000_000, WHSEC, f"msg_{number}"),
        "content-type": "application/json",
    }
    await built.receive(HookRequest(path="p", headers=Headers(headers), body=body, received_at=now))


async def drop(_sensor: Sensor, folder: Path, number: int) -> None:
    """Bring one whole file about."""
    part = anyio.Path(folder, "part")
    await part.write_bytes(b"x")
    await part.rename(folder / "inbox" / f"{number}.csv")


def counting(_folder: Path) -> Source:
    """A sensor of the user's that counts."""

    @sensor(every="10ms")
    async def numbers(cursor: Any) -> Any:
        number: int = (cursor or 0) + 1
        return [{"id": str(number), "type": "t", "data": number}], number

    return numbers


CASES = [
    SensorCase(
        "webhook",
        lambda _: webhook("p", verify=standard("S")),
        deliver,
        secrets={"S": WHSEC},
        happens_at_its_source=False,
    ),
    SensorCase("timer", lambda _: every("10ms", now=True), by_itself),
    SensorCase("custom", counting, by_itself),
    SensorCase("files", lambda folder: files(folder / "inbox", settle="20ms"), drop),
]


def parameters() -> list[Any]:
    """The cases as parameters of a test."""
    return [pytest.param(case, id=case.kind, marks=case.marks) for case in CASES]
