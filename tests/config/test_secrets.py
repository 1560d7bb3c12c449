"""Secrets and connections: where they come from, and what is said when they are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from triphammer.config.errors import MissingSecretError
from triphammer.config.loading import load_settings
from triphammer.config.root import FILE
from triphammer.config.secrets import ConnectionRef, SecretRef, Secrets

TEXT = """\
[secrets]
dir = "keys"
[kafka]
sasl_password = "kafka-pass"
[connections.db]
host = "db.example.com"
port = 5432
password = "secret:DB_PASSWORD"
options = { api_key = "nested-key", tokens = ["secret:TOKEN", 1] }
[sensors.poll]
token = "sensor-token"
"""


@pytest.fixture
def project(tmp_path: Path) -> Secrets:
    (tmp_path / FILE).write_text(TEXT, encoding="utf-8")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "TOKEN").write_text("from a file\n", encoding="utf-8")
    (keys / "DB_PASSWORD").write_text("hidden behind the variable", encoding="utf-8")
    (keys / "BINARY").write_bytes(b"\xff\xfe")
    (keys / "EMPTY").write_text("\n", encoding="utf-8")
    (tmp_path / "outside").write_text("outside", encoding="utf-8")
    environ = {"TRIPHAMMER_SECRETS__DB_PASSWORD": "from a variable"}
    return Secrets.of(load_settings(tmp_path, environ=environ))


def test_a_variable_comes_before_a_file(project: Secrets) -> None:
    assert project.value("DB_PASSWORD") == "from a variable"
    assert project.value("TOKEN") == "from a file"


def test_a_missing_secret_names_where_to_put_it(project: Secrets) -> None:
    with pytest.raises(MissingSecretError) as caught:
        project.value("NOPE")
    assert "secret 'NOPE' has no value: set the variable TRIPHAMMER_SECRETS__NOPE" in str(
        caught.value
    )
    assert str(Path("keys") / "NOPE") in str(caught.value)
    with pytest.raises(MissingSecretError, match=r"set the variable TRIPHAMMER_SECRETS__NOPE$"):
        Secrets().value("NOPE")


def test_an_empty_secret_is_missing(project: Secrets) -> None:
    with pytest.raises(MissingSecretError, match="secret 'EMPTY' is empty: set "):
        project.value("EMPTY")
    with pytest.raises(MissingSecretError, match="secret 'A' is empty: set "):
        Secrets(values={"A": ""}).value("A")


def test_a_file_that_cannot_be_read_is_named(project: Secrets) -> None:
    with pytest.raises(MissingSecretError, match=r"BINARY cannot be read: "):
        project.value("BINARY")


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "..", ".hidden", "a/b", ""])
def test_a_name_does_not_lead_out_of_the_folder(project: Secrets, name: str) -> None:
    with pytest.raises(MissingSecretError):
        project.value(name)


def test_missing_lists_those_without_a_value(project: Secrets) -> None:
    assert project.missing(["TOKEN", "NOPE", "DB_PASSWORD", "BINARY"]) == ["NOPE", "BINARY"]


def test_a_connection_has_its_secrets_filled_in(project: Secrets) -> None:
    assert project.connection("db") == {
        "host": "db.example.com",
        "port": 5432,
        "password": "from a variable",
        "options": {"api_key": "nested-key", "tokens": ["from a file", 1]},
    }


def test_an_unknown_connection_says_which_there_are(project: Secrets) -> None:
    with pytest.raises(MissingSecretError, match=r"add \[connections\.wh\] .*\(there are: db\)"):
        project.connection("wh")
    with pytest.raises(MissingSecretError, match=r"\(there are: none\)"):
        Secrets().connection("wh")


def test_everything_known_is_masked(project: Secrets) -> None:
    text = "from a variable, kafka-pass, nested-key, sensor-token, db.example.com"
    assert project.mask(text) == "***, ***, ***, ***, db.example.com"
    assert project.mask("secret:DB_PASSWORD") == "secret:DB_PASSWORD"


def test_a_file_is_masked_once_it_was_used(project: Secrets) -> None:
    project.value("TOKEN")
    assert project.mask("it came from a file") == "it came ***"


def test_references_are_plain_values() -> None:
    assert SecretRef("A") == SecretRef("A")
    assert {ConnectionRef("A"), ConnectionRef("A")} == {ConnectionRef("A")}
