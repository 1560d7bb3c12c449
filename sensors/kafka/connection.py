"""A Kafka connection out of the settings: addresses, TLS and SASL."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, SecretStr

from triphammer.config.errors import SettingsError
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.sensors.kafka.options import DEFAULT_CONNECTION

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class _Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of `[kafka]`, and of every other `[connections.NAME]` that is a Kafka."""

    bootstrap: str | None = None
    group: str | None = None
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_password: str | None = None


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """A broker to talk to. `bootstrap` empty: none is configured, and `missing` says where to.

    `options` are the keywords that every aiokafka client takes; they hold the password.
    """

    name: str
    bootstrap: str
    group: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @property
    def missing(self) -> str:
        """What to say while no broker is configured."""
        return f"no Kafka broker configured ({_place(self.name)} bootstrap)"


def kafka_connection(settings: Settings, secrets: Secrets, name: str) -> KafkaConnection:
    """The connection `name`: `[kafka]` for "kafka", else `[connections.NAME]`.

    Raises `SettingsError` for an unknown key or a combination that cannot work, and
    `MissingSecretError` for a connection that nothing defines.
    """
    keys = _read_keys(settings, secrets, name)
    if not keys.bootstrap:
        return KafkaConnection(name, "", keys.group)
    return KafkaConnection(name, keys.bootstrap, keys.group, _client_options(keys, _place(name)))


def _place(name: str) -> str:
    return "[kafka]" if name == DEFAULT_CONNECTION else f"[connections.{name}]"


def _read_keys(settings: Settings, secrets: Secrets, name: str) -> _Keys:
    if name == DEFAULT_CONNECTION:
        found = _plain(settings.kafka)
        found = {key: found[key] for key in _Keys.__struct_fields__ if key in found}
    else:
        found = dict(secrets.connection(name))
    present = {key: _revealed(value) for key, value in found.items() if value is not None}
    try:
        return msgspec.convert(present, _Keys)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{_place(name)}: {error}") from error


def _plain(section: BaseModel) -> dict[str, Any]:
    return {name: getattr(section, name) for name in type(section).model_fields}


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if isinstance(value, Path) else value


def _client_options(keys: _Keys, place: str) -> dict[str, Any]:
    protocol = keys.security_protocol.upper()
    if protocol not in PROTOCOLS:
        raise SettingsError(
            f"{place} security_protocol = {keys.security_protocol!r}:"
            f" choose one of {', '.join(PROTOCOLS)}"
        )
    options: dict[str, Any] = {
        "bootstrap_servers": keys.bootstrap,
        "security_protocol": protocol,
    }
    if "SSL" in protocol:
        options["ssl_context"] = _ssl_context(keys, place)
    if "SASL" in protocol:
        options.update(_sasl(keys, place))
    return options


def _sasl(keys: _Keys, place: str) -> dict[str, Any]:
    mechanism = (keys.sasl_mechanism or "PLAIN").upper()
    if mechanism not in MECHANISMS:
        raise SettingsError(
            f"{place} sasl_mechanism = {keys.sasl_mechanism!r}:"
            f" choose one of {', '.join(MECHANISMS)}"
        )
    if not keys.sasl_username or not keys.sasl_password:
        raise SettingsError(f"{place}: SASL needs sasl_username and sasl_password")
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": keys.sasl_username,
        "sasl_plain_password": keys.sasl_password,
    }


def _ssl_context(keys: _Keys, place: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=keys.ssl_cafile)
        if keys.ssl_certfile:
            context.load_cert_chain(keys.ssl_certfile, keys.ssl_keyfile, keys.ssl_password)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"{place}: ssl_cafile, ssl_certfile or ssl_keyfile cannot be used: {error}"
        ) from error
    return context
