"""Mail out: one message a connection to the server of `[connections.NAME]`, in a worker thread.

What the codes of answers mean: RFC 5321, section 4.2.1: 4yz may go well later, 5yz will not.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import Any, Literal, get_args

import anyio.to_thread
import msgspec

from triphammer.config.clock import Clock
from triphammer.config.errors import MissingSecretError
from triphammer.config.secrets import Secrets
from triphammer.flows.journal import OutMessage
from triphammer.sensors.times import utc
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry

Tls = Literal["starttls", "tls", "none"]
PORTS: Mapping[Tls, int] = {"starttls": 587, "tls": 465, "none": 25}
FOR_GOOD = 500


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a connection for mail. `sender` is the address that it comes from; without one
    `user`. `cafile`: certificates (PEM) to trust besides the system's."""

    host: str
    port: int | None = None
    tls: Tls = "starttls"
    user: str | None = None
    password: str | None = None
    sender: str | None = None
    cafile: str | None = None


class MailSender:
    """Delivers mail."""

    def __init__(self, *, secrets: Secrets, clock: Clock, timeout: float) -> None:
        self._secrets = secrets
        self._clock = clock
        self._timeout = timeout

    async def deliver(self, message: OutMessage) -> Outcome:
        """One attempt. Reasons are masked."""
        try:
            server = server_of(self._secrets.connection(message.connection), message.connection)
        except (MissingSecretError, ValueError) as error:
            return Retry(self._secrets.mask(str(error)), unreachable=True)
        sender = server.sender or server.user
        if sender is None:
            reason = f'[connections.{message.connection}] has no sender: add sender = "..."'
            return Retry(reason, unreachable=True)
        if not _is_taken(sender):
            reason = f"[connections.{message.connection}]: {sender!r} is no address to send from"
            return Retry(self._secrets.mask(reason), unreachable=True)
        if not _is_taken(message.target):
            return Dead(f"{message.target!r} is no address")
        mail = _mail(message, sender, self._clock.now())
        send = partial(_send, server, mail, sender, message.target, self._timeout)
        try:
            await anyio.to_thread.run_sync(send, abandon_on_cancel=True)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return self._failed(server, error)
        return Delivered()

    def _failed(self, server: Server, error: Exception) -> Outcome:
        refusal = _refusal(error)
        if refusal is None:
            text = f"mail server {server.host}: {error or type(error).__name__}"
            return Retry(self._secrets.mask(text), unreachable=True)
        code, text = refusal
        reason = self._secrets.mask(f"mail server {server.host} answered {code} {text}")
        return Dead(reason) if code >= FOR_GOOD else Retry(reason, refused=True)


def server_of(table: Mapping[str, Any], name: str) -> Server:
    """The server that a connection's table describes. Raises ValueError that says what is wrong."""
    try:
        return msgspec.convert(dict(table), Server)
    except msgspec.ValidationError as error:
        known = ", ".join(Server.__struct_fields__)
        raise ValueError(
            f"[connections.{name}]: {error} (keys for mail: {known}; tls is one of "
            f"{', '.join(get_args(Tls))})"
        ) from error


def _is_taken(address: str) -> bool:
    """Whether a mail can have it. The library's parser of addresses does not only raise
    ValueError: `a@` is beyond the end of a text for it."""
    try:
        EmailMessage()["To"] = address
    except (ValueError, LookupError, AttributeError, MessageError):
        return False
    return True


def _mail(message: OutMessage, sender: str, now: int) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, message.target
    for name, value in message.headers.items():
        mail[name] = " ".join(value.split())
    mail["Date"] = format_datetime(utc(now))
    # The same for each attempt: who gets it twice can tell.
    mail["Message-ID"] = f"<{message.id}@triphammer>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content((message.body or b"").decode())
    return mail


def _send(server: Server, mail: EmailMessage, sender: str, to: str, timeout: float) -> None:
    port = server.port or PORTS[server.tls]
    context = None if server.tls == "none" else ssl.create_default_context()
    if context is not None and server.cafile is not None:
        context.load_verify_locations(server.cafile)
    with closing(_connection(server, port, timeout, context)) as smtp:
        if server.tls == "starttls":
            smtp.starttls(context=context)
        if server.user is not None:
            smtp.login(server.user, server.password or "")
        smtp.send_message(mail, from_addr=sender, to_addrs=[to])
        with suppress(smtplib.SMTPException, OSError):  # it is taken: whatever comes now
            smtp.quit()


def _connection(
    server: Server, port: int, timeout: float, context: ssl.SSLContext | None
) -> smtplib.SMTP:
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, port, timeout=timeout, context=context)
    return smtplib.SMTP(server.host, port, timeout=timeout)


def _refusal(error: Exception) -> tuple[int, str] | None:
    """Code and text of an answer about this one mail; None: it is about the server."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return code, _text(text)
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code, _text(error.smtp_error)
    return None


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
