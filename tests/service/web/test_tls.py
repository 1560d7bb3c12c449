"""What certificate the daemon shows, and what it says of files that cannot be used."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from triphammer.config.loading import load_settings
from triphammer.service.errors import CannotServe
from triphammer.service.web.tls import Tls

PEM = Path(__file__).parents[2] / "support" / "loopback.pem"


def pair(folder: Path, name: str, *options: str) -> tuple[Path, Path]:
    """A new certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command: Sequence[str] = (
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-subj", f"/CN={name}", "-days", "2", "-out", str(certificate), "-keyout", str(key)),
        *(options or ("-nodes",)),
    )
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def shown(tls: Tls) -> bytes:
    """The certificate that a new client sees."""
    mine, theirs = socket.socketpair()
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(incoming, outgoing)
    to_server = ssl.MemoryBIO()
    server = tls.context.wrap_bio(to_server, incoming, server_side=True)
    mine.close()
    theirs.close()
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            to_server.write(outgoing.read())
    found = client.getpeercert(binary_form=True)
    assert found is not None
    return found


def test_renewed_files_are_shown_to_new_clients(tmp_path: Path) -> None:
    certificate, key = pair(tmp_path, "one")
    tls = Tls(certificate, key)
    first = shown(tls)
    for new, old in zip(pair(tmp_path, "two"), (certificate, key), strict=True):
        shutil.copy(new, old)
    assert shown(tls) == first
    tls.renew()
    assert shown(tls) != first


def test_what_cannot_be_used_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = pair(tmp_path, "one")
    tls = Tls(certificate, key)
    first = shown(tls)
    shutil.copy(pair(tmp_path, "two")[0], certificate)
    with caplog.at_level(logging.ERROR):
        tls.renew()
    assert "stays as it was" in caplog.text
    assert "is not the key of" in caplog.text
    assert shown(tls) == first


def test_what_is_wrong_with_files_is_told(tmp_path: Path) -> None:
    one, two = pair(tmp_path, "one"), pair(tmp_path, "two")
    locked = pair(tmp_path, "locked", "-passout", "pass:secret")
    text = tmp_path / "text"
    text.write_text("nothing of the kind")
    gone = tmp_path / "gone"
    for files, said in (
        ((one[0], two[1]), f"tls_key: {two[1]} is not the key of the certificate {one[0]}"),
        ((gone, one[1]), f"tls_cert: {gone}: No such file or directory"),
        ((one[0], gone), f"tls_key: {gone}: No such file or directory"),
        ((tmp_path, one[1]), f"tls_cert: {tmp_path}: Is a directory"),
        ((text, one[1]), "both as PEM"),
        ((one[0], text), "both as PEM"),
        (locked, "protected by a password"),
    ):
        with pytest.raises(CannotServe) as wrong:
            Tls(*files)
        assert said in str(wrong.value)
        assert "\n" not in str(wrong.value)


def test_both_files_or_none(tmp_path: Path) -> None:
    def of(**flags: Path) -> Tls | None:
        given = {f"server.{name}": value for name, value in flags.items()}
        return Tls.of(load_settings(tmp_path, flags=given, environ={}))

    assert of() is None
    assert of(tls_cert=PEM, tls_key=PEM) is not None
    with pytest.raises(CannotServe, match="tls_cert is set and tls_key is not"):
        of(tls_cert=PEM)
    with pytest.raises(CannotServe, match="tls_key is set and tls_cert is not"):
        of(tls_key=PEM)
