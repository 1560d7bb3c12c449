"""Mail to a real server: what is sent, and what its answers mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from tests.support.mail import PEM, MailServer, mail_server
from triphammer.config.clock import SystemClock
from triphammer.config.secrets import Secrets
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.mail import MailSender
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry

pytestmark = pytest.mark.anyio
MESSAGE = OutMessage(
    id="msg_1",
    kind="email",
    target="ops@example.org",
    body="orders failed\r\nValueError: naïve\r\n".encode(),
    headers={"Subject": "orders\r\nfailed"},
    connection="smtp",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server(tls=True, password="hunter2hunter2") as running:
        yield running


async def sent(table: Mapping[str, Any], message: OutMessage = MESSAGE) -> Outcome:
    secrets = Secrets(values={"PASS": "hunter2hunter2"}, connections={"smtp": table})
    sender = MailSender(secrets=secrets, clock=SystemClock(), timeout=5)
    return await sender.deliver(message)


def plain(server: MailServer, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none",
        "sender": "triphammer@example.org",
        **more,
    }


async def test_a_mail_arrives_under_a_stable_id(server: MailServer) -> None:
    assert await sent(plain(server)) == Delivered()
    [mail] = server.mails
    assert (mail.sender, mail.to) == ("triphammer@example.org", "ops@example.org")
    assert mail.message["Subject"] == "orders failed"
    assert mail.message["Message-ID"] == "<msg_1@triphammer>"
    assert mail.message["From"] == "triphammer@example.org"
    assert mail.message["Date"] is not None
    assert mail.text.splitlines() == ["orders failed", "ValueError: naïve"]


async def test_encrypted_and_logged_in(server: MailServer) -> None:
    table = {
        "host": "localhost",
        "port": server.port,
        "user": "me@example.org",
        "password": "secret:PASS",
        "cafile": str(PEM),
    }
    assert await sent(table) == Delivered()
    [mail] = server.mails
    assert (mail.encrypted, mail.login, mail.sender) == (True, "me@example.org", "me@example.org")


async def test_an_unknown_certificate_is_refused(server: MailServer) -> None:
    outcome = await sent(plain(server, host="localhost", tls="starttls"))
    assert isinstance(outcome, Retry)
    assert outcome.unreachable
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.reason
    assert server.mails == []


async def test_a_wrong_password_is_the_connections_and_masked(server: MailServer) -> None:
    server.password = "another"
    outcome = await sent(plain(server, user="me", password="secret:PASS"))
    assert isinstance(outcome, Retry)
    assert outcome.unreachable
    assert "wrong password ***" in outcome.reason


async def test_what_a_refusal_means(server: MailServer) -> None:
    server.refusals += ["451 later", "554 never"]
    assert await sent(plain(server)) == Retry(
        "mail server 127.0.0.1 answered 451 later", refused=True
    )
    assert await sent(plain(server)) == Dead("mail server 127.0.0.1 answered 554 never")
    assert await sent(plain(server)) == Delivered()


async def test_what_was_taken_is_delivered_however_they_part(server: MailServer) -> None:
    server.parting = "500 what?"
    assert await sent(plain(server)) == Delivered()
    assert len(server.mails) == 1


@pytest.mark.parametrize("address", ["a@[::", "a@", "a@b\nBcc: c@d"])
async def test_no_address(server: MailServer, address: str) -> None:
    message = msgspec.structs.replace(MESSAGE, target=address)
    assert await sent(plain(server), message) == Dead(f"{address!r} is no address")


@pytest.mark.parametrize(("answer", "dead"), [("550 no such user", True), ("450 full", False)])
async def test_an_unwanted_recipient(server: MailServer, answer: str, dead: bool) -> None:
    server.refuse_recipient = answer
    outcome = await sent(plain(server))
    assert isinstance(outcome, Dead if dead else Retry)
    assert not isinstance(outcome, Delivered)
    assert answer in outcome.reason


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({}, r"\[connections.smtp\]: .*`host`.*keys for mail: host, port, tls"),
        ({"host": "h", "tls": "yes"}, "Invalid enum value 'yes'.*tls is one of starttls, tls"),
        ({"host": "h", "usr": "x"}, "unknown field `usr`"),
        ({"host": "h"}, r"\[connections.smtp\] has no sender: add sender"),
        ({"host": "h", "sender": "a@"}, r"\[connections.smtp\]: 'a@' is no address to send from"),
        ({"host": "127.0.0.1", "port": 1, "sender": "a@b"}, "mail server 127.0.0.1: .*refused"),
    ],
)
async def test_a_bad_connection_waits_to_be_corrected(table: Any, reason: str) -> None:
    outcome = await sent(table)
    assert isinstance(outcome, Retry)
    assert outcome.unreachable
    assert re.search(reason, outcome.reason), outcome.reason


async def test_an_unknown_connection_waits_too() -> None:
    secrets = Secrets()
    outcome = await MailSender(secrets=secrets, clock=SystemClock(), timeout=5).deliver(MESSAGE)
    assert isinstance(outcome, Retry)
    assert "[connections.smtp]" in outcome.reason
