"""A real SMTP server on a loopback port, in a thread: records, answers as told."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

PEM = Path(__file__).parent / "loopback.pem"


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived."""

    sender: str
    to: str
    message: EmailMessage
    encrypted: bool
    login: str | None

    @property
    def text(self) -> str:
        content: str = self.message.get_content()
        return content


class MailServer:
    """`refusals` are answered in turn where the mail's text has come; after them it is taken."""

    def __init__(self, *, tls: bool, password: str | None) -> None:
        self.port = 0
        self.tls = tls
        self.password = password
        self.refusals: deque[str] = deque()
        self.refuse_recipient: str | None = None
        self.parting = "221 bye"
        self.mails: list[Mail] = []
        self.attempts = 0


class _Handler(socketserver.StreamRequestHandler):
    mail_server: MailServer

    def handle(self) -> None:
        self._encrypted, self._login, self._sender, self._to = False, "", "", ""
        self._say("220 ready")
        with suppress(OSError):  # the sender hung up, or did not like our certificate
            while line := self.rfile.readline().decode().strip():
                if not self._answer(line):
                    break
        if self._encrypted:
            self.rfile.close()
            self.wfile.close()
            self.connection.close()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()

    def _answer(self, line: str) -> bool:
        verb = line.split(":")[0].split()[0].upper()
        server = self.mail_server
        if verb == "EHLO":
            last = "STARTTLS" if server.tls else "OK"
            self._say(f"250-loopback\r\n250-AUTH PLAIN\r\n250 {last}")
        elif verb == "STARTTLS":
            self._say("220 go ahead")
            self._encrypt()
        elif verb == "AUTH":
            self._log_in(line)
        elif verb == "MAIL":
            self._sender = _address(line)
            self._say("250 OK")
        elif verb == "RCPT":
            self._to = _address(line)
            self._say(server.refuse_recipient or "250 OK")
        elif verb == "DATA":
            self._say("354 go on")
            self._take()
        else:
            self._say(server.parting if verb == "QUIT" else "250 OK")
        return verb != "QUIT"

    def _encrypt(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self._encrypted = True

    def _log_in(self, line: str) -> None:
        _, user, password = base64.b64decode(line.split()[-1]).decode().split("\0")
        if password == self.mail_server.password:
            self._login = user
            self._say("235 welcome")
        else:
            self._say(f"535 wrong password {password}")

    def _take(self) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        server = self.mail_server
        server.attempts += 1
        if server.refusals:
            self._say(server.refusals.popleft())
            return
        message = message_from_bytes(b"".join(lines), policy=default)
        mail = Mail(self._sender, self._to, message, self._encrypted, self._login or None)
        server.mails.append(mail)
        self._say("250 taken")


def _address(line: str) -> str:
    return line[line.index("<") + 1 : line.index(">")]


@contextmanager
def mail_server(*, tls: bool = False, password: str | None = None) -> Generator[MailServer]:
    """A server on a free loopback port. With `tls` it takes STARTTLS; PEM is its certificate."""
    server = MailServer(tls=tls, password=password)
    handler = type("Handler", (_Handler,), {"mail_server": server})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as listener:
        listener.daemon_threads = True
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
