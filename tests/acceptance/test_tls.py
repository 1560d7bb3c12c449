"""The daemon over HTTPS, from a start with wrong files to a renewed certificate."""

from __future__ import annotations

import shutil
import signal
import ssl
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import NotUp
from tests.acceptance.test_access import FLOWS
from tests.service.web.test_tls import PEM, pair

SETTINGS = '[server]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n'


def shown(url: str) -> str:
    """The certificate of the daemon there."""
    host, port = url.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_a_certificate_is_renewed_by_a_signal(make_daemon: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    one, two = pair(tmp_path, "one"), pair(tmp_path, "two")
    for files in (one, two):
        assert files[0].read_text().startswith("-----BEGIN")
    for source, name in zip(one, ("cert.pem", "key.pem"), strict=True):
        shutil.copy(source, folder / name)
    daemon = make_daemon(FLOWS, SETTINGS)
    assert daemon.url.startswith("https://")
    assert shown(daemon.url) == one[0].read_text()
    for source, name in zip(two, ("cert.pem", "key.pem"), strict=True):
        shutil.copy(source, folder / name)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded")
    assert shown(daemon.url) == two[0].read_text()
    (folder / "key.pem").write_text("no key")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("the certificate stays as it was")
    assert shown(daemon.url) == two[0].read_text()


def test_commands_trust_whom_openssl_does(make_daemon: Serve, tmp_path: Path) -> None:
    settings = f'[server]\ntls_cert = "{PEM}"\ntls_key = "{PEM}"\n'
    daemon = make_daemon(FLOWS, settings)
    stranger = daemon.cli("flows")
    assert (stranger.returncode, "SSL_CERT_FILE" in stranger.stderr) == (1, True)
    daemon.env["SSL_CERT_FILE"] = str(PEM)
    assert daemon.cli("flows").returncode == 0
    daemon.env["SSL_CERT_FILE"] = str(tmp_path / "gone")
    assert "SSL_CERT_FILE names" in daemon.cli("flows").stderr


def test_files_that_are_not_there_are_named_at_the_start(make_daemon: Serve) -> None:
    with pytest.raises(NotUp) as refused:
        make_daemon(FLOWS, SETTINGS)
    assert str(refused.value).startswith("error: [server] tls_cert: ")
    assert str(refused.value).endswith("cert.pem: No such file or directory")
