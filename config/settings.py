"""The settings tree: every section and key with its type and default.

`config/default.toml` says the same to people; a test compares the two.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from triphammer.config.addresses import is_address
from triphammer.config.durations import Duration
from triphammer.config.showing import shown
from triphammer.config.sizes import Size
from triphammer.config.zones import zone_named

MB = 1_000_000


class Section(BaseModel):
    """A section: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Server(Section):
    """Where the daemon listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    open: bool | None = None
    hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    session: Duration = timedelta(hours=12)
    head_timeout: Duration = timedelta(seconds=10)
    body_timeout: Duration = timedelta(seconds=30)
    keep_alive: Duration = timedelta(seconds=75)
    drain: Duration = timedelta(seconds=30)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(
                    f"{shown(text)} is no address or network; write it like 10.0.0.7 or 10.0.0.0/8"
                ) from None
        return texts


class StoreSettings(Section):
    """Where everything durable lives."""

    data: Path = Path(".triphammer")


class FlowSettings(Section):
    """Where flow files are and how they are loaded."""

    dir: Path | None = Path("flows")
    modules: tuple[str, ...] = ()
    path: tuple[Path, ...] = ()
    reload: Literal["watch", "signal", "off"] = "watch"
    timezone: str = "UTC"

    @field_validator("modules")
    @classmethod
    def _dotted(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not all(part.isidentifier() for part in name.split(".")):
                raise ValueError(f"{shown(name)} is no module; write it like acme.flows")
        return names

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if zone_named(name) is None:
            raise ValueError(f"{shown(name)} is no time zone; write it like Europe/Berlin")
        return name


class KafkaSettings(Section):
    """The Kafka connection named `kafka`."""

    bootstrap: str | None = None
    group: str | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr | None = None


class Limits(Section):
    """How much at once."""

    active_runs: int = Field(default=1000, ge=1)
    queued_runs: int = Field(default=100_000, ge=1)
    runs_per_flow: int = Field(default=16, ge=1)
    threads: int = Field(default=32, ge=1, le=1024)
    processes: int | None = Field(default=None, ge=1, le=1024)
    body: Size = 10 * MB
    bodies: Size = 100 * MB
    head: Size = 32_000
    connections: int | None = Field(default=None, ge=1)
    streams: int = Field(default=200, ge=1)
    log_lines: int = Field(default=10_000, ge=1)
    artifact: Size = 1000 * MB
    grace: Duration = timedelta(seconds=10)

    @field_validator("bodies")
    @classmethod
    def _room_for_one(cls, bodies: int, others: ValidationInfo) -> int:
        if bodies < others.data.get("body", 0):
            raise ValueError("it must be at least limits.body, or the largest is never taken")
        return bodies


class OutboxSettings(Section):
    """How outgoing messages are delivered."""

    timeout: Duration = timedelta(seconds=30)
    concurrency: int = Field(default=32, ge=1)
    first_retry: Duration = timedelta(seconds=1)
    retry_factor: float = Field(default=2.0, ge=1)
    longest_retry: Duration = timedelta(hours=6)
    give_up_after: Duration = timedelta(days=3)
    open_after: int = Field(default=5, ge=1)
    longest_pause: Duration = timedelta(minutes=5)
    allow_private: bool = True


class NotifySettings(Section):
    """Whom to tell of flows that name nobody themselves."""

    slack: str | None = None
    webhook: str | None = None
    email: tuple[str, ...] = ()
    connection: str = "smtp"
    on: tuple[Literal["failed", "late", "recovered"], ...] = ("failed", "late", "recovered")
    url: str | None = None

    @field_validator("slack", "webhook", "url")
    @classmethod
    def _is_url(cls, text: str | None, info: ValidationInfo) -> str | None:
        begins = ("http://", "https://") + (() if info.field_name == "url" else ("secret:",))
        if text is not None and not text.startswith(begins):
            raise ValueError(f"{shown(text)} does not begin with {' or '.join(begins)}")
        return text

    @field_validator("email")
    @classmethod
    def _are_addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            if not is_address(address):
                raise ValueError(f"{shown(address)} is no address; write it like ops@example.com")
        return addresses


class SecretSettings(Section):
    """Where secrets come from besides the environment."""

    dir: Path | None = None


class Retention(Section):
    """How long what has ended is kept."""

    payload: Duration = timedelta(days=30)
    identities: Duration = timedelta(days=90)
    failed: Duration | None = None
    events: int | None = Field(default=None, ge=1)
    audit: Duration = timedelta(days=365)


class LogSettings(Section):
    """The daemon's own log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"
    access: Literal["off", "text", "json"] = "off"


class OtelSettings(Section):
    """Where traces are sent to, in OpenTelemetry's protocol over HTTP."""

    endpoint: str | None = None
    service_name: str = Field(default="triphammer", min_length=1)
    sample: float = Field(default=1.0, ge=0, le=1)

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, text: str | None) -> str | None:
        if text is not None and not text.startswith(("http://", "https://")):
            raise ValueError(f"{shown(text)} does not begin with http:// or https://")
        return text


class Settings(Section):
    """All settings. `connections` and `sensors` hold one table a name, `pools` slots by name."""

    server: Server = Server()
    store: StoreSettings = StoreSettings()
    flows: FlowSettings = FlowSettings()
    kafka: KafkaSettings = KafkaSettings()
    limits: Limits = Limits()
    outbox: OutboxSettings = OutboxSettings()
    notify: NotifySettings = NotifySettings()
    secrets: SecretSettings = SecretSettings()
    pools: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict[str, int])
    connections: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    retention: Retention = Retention()
    log: LogSettings = LogSettings()
    otel: OtelSettings = OtelSettings()
    sensors: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
