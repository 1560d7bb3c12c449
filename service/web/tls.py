"""The certificate that clients are shown; it can be renewed while the daemon runs."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from triphammer.config.loading import LoadedSettings
from triphammer.service.errors import CannotServe

NOT_PEM = frozenset({"NO_START_LINE", "BAD_BASE64_DECODE", "PEM_LIB", "None"})
"""Of a file that holds nothing of the kind OpenSSL gives no reason at all."""

log = logging.getLogger("triphammer.web")


class Tls:
    """`context` serves with a certificate chain and its private key, both PEM files."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises `CannotServe`, which names the file, what is wrong with it, and its setting."""
        self._files = (certificate, key)
        self.context = _context(certificate, key)

    @classmethod
    def of(cls, loaded: LoadedSettings) -> Tls | None:
        """That of the settings; None: plain HTTP. Raises `CannotServe`, also for one file
        without the other."""
        server = loaded.settings.server
        if server.tls_cert is None and server.tls_key is None:
            return None
        if server.tls_cert is None or server.tls_key is None:
            given, missing = ("tls_cert", "tls_key") if server.tls_cert else ("tls_key", "tls_cert")
            raise CannotServe(
                f"[server] {given} is set and {missing} is not: HTTPS needs both, HTTP neither"
            )
        return cls(loaded.root / server.tls_cert, loaded.root / server.tls_key)

    def renew(self) -> None:
        """Show new clients what the files hold now; what cannot be used is told to the log, and
        the certificate of before goes on."""
        try:
            _context(*self._files)  # half of what does not fit would stay in the other one
        except CannotServe as error:
            log.error("the certificate stays as it was: %s", error)
            return
        self.context.load_cert_chain(*self._files)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    for name, file in (("tls_cert", certificate), ("tls_key", key)):
        try:
            file.read_bytes()
        except OSError as error:
            raise CannotServe(f"[server] {name}: {file}: {error.strerror}") from None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        made.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise CannotServe(_why(error, certificate, key)) from None
    return made


def _why(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"[server] tls_key: {key} is not the key of the certificate {certificate}"
    if str(error.reason) in NOT_PEM:
        return (
            f"[server] tls_cert, tls_key: {certificate} must hold certificates and {key} their "
            "private key, both as PEM (-----BEGIN ...)"
        )
    return f"[server] tls_cert, tls_key: {certificate} and {key} cannot be used: {error.reason}"


def _no_password() -> str:
    raise CannotServe(
        "[server] tls_key is protected by a password, which nobody could type at a restart: "
        "take it off with `openssl pkey` and keep the file from others instead"
    )
