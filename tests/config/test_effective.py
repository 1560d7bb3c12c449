"""`triphammer config show`: what holds, from where, and nothing secret."""

from __future__ import annotations

from pathlib import Path

from triphammer.config.effective import effective
from triphammer.config.loading import load_settings
from triphammer.config.root import FILE
from triphammer.config.settings import Settings

TEXT = """\
[flows]
path = ["a", "b"]
[kafka]
sasl_password = "kafka-pass"
[limits]
body = "2MiB"
[connections.db]
url = "postgres://me:url-pass@db/x"
password = "db-pass"
token = "secret:DB_TOKEN"
options = { api_key = "nested-pass", retries = 3 }
[sensors.poll]
every = "1m"
[pools]
gpu = 2
"""


def rows(root: Path) -> dict[str, tuple[str, str]]:
    (root / FILE).write_text(TEXT, encoding="utf-8")
    loaded = load_settings(root, environ={"TRIPHAMMER_SERVER__PORT": "1"})
    return {key: (value, origin) for key, value, origin in effective(loaded)}


def test_values_are_shown_as_they_are_written(tmp_path: Path) -> None:
    shown = {key: value for key, (value, _) in rows(tmp_path).items()}
    assert shown["server.port"] == "1"
    assert shown["server.drain"] == "30s"
    assert shown["flows.path"] == "a, b"
    assert shown["limits.body"] == "2MiB"
    assert shown["retention.payload"] == "30d"
    assert shown["kafka.bootstrap"] == ""
    assert shown["outbox.allow_private"] == "true"
    assert shown["sensors.poll.every"] == "1m"
    assert shown["connections.db.options.retries"] == "3"


def test_secrets_are_masked_and_references_are_not(tmp_path: Path) -> None:
    shown = {key: value for key, (value, _) in rows(tmp_path).items()}
    assert shown["kafka.sasl_password"] == "***"
    assert shown["connections.db.url"] == "postgres://me:***@db/x"
    assert shown["connections.db.password"] == "***"
    assert shown["connections.db.options.api_key"] == "***"
    assert shown["connections.db.token"] == "secret:DB_TOKEN"
    assert "-pass" not in str(shown)


def test_origins_are_shown(tmp_path: Path) -> None:
    origins = {key: origin for key, (_, origin) in rows(tmp_path).items()}
    assert origins["server.port"] == "variable TRIPHAMMER_SERVER__PORT"
    assert origins["flows.path"] == f"{tmp_path / FILE}:2"
    assert origins["connections.db.options.api_key"] == f"{tmp_path / FILE}:11"
    assert origins["server.host"] == "default"


def test_every_section_is_shown_in_order(tmp_path: Path) -> None:
    sections = list(dict.fromkeys(key.split(".")[0] for key in rows(tmp_path)))
    assert sections == list(Settings.model_fields)
