from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.service.outbox.ledger import ManualClock, webhook
from tests.support.receiver import Receiver, open_receiver
from triphammer.config.secrets import Secrets
from triphammer.config.settings import OutboxSettings, Settings
from triphammer.service.outbox.addresses import NotPublic, is_public, public_address
from triphammer.service.outbox.courier import open_courier
from triphammer.service.outbox.outcome import Dead, Delivered, Retry
from triphammer.service.outbox.webhooks import WebhookSender


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with open_receiver() as opened:
        yield opened


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("127.255.0.9", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("ff02::1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::93.184.216.34", True),
        ("64:ff9b:1::192.168.0.1", False),
        ("2002:7f00:1::1", False),
        ("2002:5db8:d822::1", True),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_a_host_inside_is_refused(host: str) -> None:
    with pytest.raises(NotPublic, match=r"which is not public \(\[outbox\] allow_private\)"):
        await public_address(host, 80)


@pytest.mark.anyio
@pytest.mark.parametrize("allow", [True, False])
async def test_the_setting_decides(receiver: Receiver, allow: bool) -> None:
    async with open_courier(
        settings=Settings(outbox=OutboxSettings(allow_private=allow)),
        secrets=Secrets(),
        clock=ManualClock(),
        log=logging.getLogger("test.outbox"),
    ) as courier:
        outcome = await courier.deliver(webhook("msg_1", receiver.url))
    assert isinstance(outcome, Delivered if allow else Retry)
    assert len(receiver.deliveries) == int(allow)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "user:pass@127.0.0.1",
        "93.184.216.34@127.0.0.1",
        "127.0.0.1#@93.184.216.34",
    ],
)
async def test_no_spelling_of_an_address_leads_inside(receiver: Receiver, host: str) -> None:
    name, hash, rest = host.partition("#")
    async with open_courier(
        settings=Settings(outbox=OutboxSettings(allow_private=False)),
        secrets=Secrets(),
        clock=ManualClock(),
        log=logging.getLogger("test.outbox"),
    ) as courier:
        target = f"http://{name}:{receiver.port}/{hash}{rest}"
        outcome = await courier.deliver(webhook("msg_1", target))
    assert isinstance(outcome, (Retry, Dead))
    assert any(told in outcome.reason for told in ("not public", "not known", "is no URL"))
    assert receiver.connections == 0


@pytest.mark.anyio
async def test_a_name_with_one_address_inside_is_refused_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system would try the second where the first does not answer."""

    async def lookup(host: str, port: int, **more: Any) -> list[Any]:
        return [(None, None, 0, "", (found, port)) for found in ("93.184.216.34", "10.0.0.7")]

    monkeypatch.setattr("triphammer.service.outbox.addresses.anyio.getaddrinfo", lookup)
    with pytest.raises(NotPublic, match=r"10\.0\.0\.7"):
        await public_address("both.example", 443)


@pytest.mark.anyio
async def test_what_was_looked_at_is_connected_to(receiver: Receiver) -> None:
    async def find(host: str, port: int) -> str:
        assert (host, port) == ("hooks.example", receiver.port)
        return "127.0.0.1"

    sender = WebhookSender(
        secrets=Secrets(), clock=ManualClock(), timeout=5, connections=1, find=find
    )
    async with sender:
        target = f"http://hooks.example:{receiver.port}/x"
        assert await sender.deliver(webhook("msg_1", target)) == Delivered()
    assert receiver.deliveries[0].headers["host"] == f"hooks.example:{receiver.port}"


@pytest.mark.anyio
async def test_a_name_that_leads_elsewhere_the_second_time_is_judged_anew(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer is public, the next is not; each connection asks once."""
    answers = ["93.184.216.34", "127.0.0.1"]
    asked: list[str] = []

    async def lookup(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        return [(None, None, 0, "", (answers.pop(0), port))]

    monkeypatch.setattr("triphammer.service.outbox.addresses.anyio.getaddrinfo", lookup)
    assert await public_address("rebound.example", receiver.port) == "93.184.216.34"
    async with WebhookSender(
        secrets=Secrets(), clock=ManualClock(), timeout=5, connections=1, find=public_address
    ) as sender:
        target = f"http://rebound.example:{receiver.port}/x"
        outcome = await sender.deliver(webhook("msg_1", target))
    assert isinstance(outcome, Retry)
    assert "127.0.0.1, which is not public" in outcome.reason
    assert asked == ["rebound.example"] * 2
    assert receiver.deliveries == []


@pytest.mark.anyio
async def test_hosts_at_one_address_do_not_share_a_connection(receiver: Receiver) -> None:
    """A connection is only known to be to the host whose certificate was looked at."""

    async def find(host: str, port: int) -> str:
        return "127.0.0.1"

    async with WebhookSender(
        secrets=Secrets(), clock=ManualClock(), timeout=5, connections=9, find=find
    ) as sender:
        for host in ("a.example", "b.example"):
            target = f"http://{host}:{receiver.port}/"
            assert await sender.deliver(webhook(f"msg_{host}", target)) == Delivered()
    assert receiver.connections == 2


@pytest.mark.anyio
async def test_a_host_that_nobody_knows() -> None:
    async def find(host: str, port: int) -> str:
        raise OSError("Name or service not known")

    sender = WebhookSender(
        secrets=Secrets(), clock=ManualClock(), timeout=5, connections=1, find=find
    )
    async with sender:
        outcome = await sender.deliver(webhook("msg_1", "http://nowhere.example/"))
    assert outcome == Retry("nowhere.example: Name or service not known")
