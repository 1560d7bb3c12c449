from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from triphammer.config.errors import MissingSecretError, SettingsError
from triphammer.config.secrets import Secrets
from triphammer.config.settings import KafkaSettings, Settings
from triphammer.sensors.kafka.connection import KafkaConnection, kafka_connection


def default(**kafka: Any) -> KafkaConnection:
    return kafka_connection(Settings(kafka=KafkaSettings(**kafka)), Secrets(), "kafka")


def other(**table: Any) -> KafkaConnection:
    return kafka_connection(Settings(), Secrets(connections={"second": table}), "second")


def test_nothing_configured() -> None:
    assert default().bootstrap == ""
    assert default().missing == "no Kafka broker configured ([kafka] bootstrap)"
    assert other().missing == "no Kafka broker configured ([connections.second] bootstrap)"


def test_a_plain_broker() -> None:
    connection = default(bootstrap="a:1,b:2", group="g")
    assert (connection.bootstrap, connection.group) == ("a:1,b:2", "g")
    assert connection.options == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
    }


def test_sasl_over_tls() -> None:
    connection = default(
        bootstrap="a:1",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="me",
        sasl_password=SecretStr("hidden"),
    )
    assert isinstance(connection.options["ssl_context"], ssl.SSLContext)
    assert connection.options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert connection.options["sasl_plain_password"] == "hidden"
    assert "hidden" not in repr(connection)


def test_another_connection_has_the_same_keys() -> None:
    connection = other(
        bootstrap="b:1", security_protocol="sasl_plaintext", sasl_username="u", sasl_password="p"
    )
    assert connection.options["security_protocol"] == "SASL_PLAINTEXT"
    assert connection.options["sasl_mechanism"] == "PLAIN"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"bootstap": "a:1"}, "bootstap"),
        ({"bootstrap": 5}, "bootstrap"),
        ({"bootstrap": "a:1", "security_protocol": "TLS"}, "choose one of PLAINTEXT, SSL"),
        (
            {"bootstrap": "a:1", "security_protocol": "SASL_SSL", "sasl_mechanism": "GSSAPI"},
            "choose one of PLAIN, SCRAM-SHA-256",
        ),
        ({"bootstrap": "a:1", "security_protocol": "SASL_SSL"}, "needs sasl_username"),
    ],
)
def test_mistakes_name_their_place(table: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=r"\[connections.second\]") as caught:
        other(**table)
    assert message in str(caught.value)


def test_a_certificate_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match="ssl_cafile"):
        default(bootstrap="a:1", security_protocol="SSL", ssl_cafile=Path("/no/such/file"))


def test_a_connection_that_nothing_defines() -> None:
    with pytest.raises(MissingSecretError):
        kafka_connection(Settings(), Secrets(), "second")
