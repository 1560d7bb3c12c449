"""The daemon's own log: text on a terminal, JSON lines otherwise; secrets masked."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO, cast

from triphammer.config.secrets import Secrets
from triphammer.config.settings import LogSettings
from triphammer.config.trace_context import current_trace

ACCESS = "triphammer.requests"
"""The logger of the access log: its lines are whole, and in a form of their own."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(
    settings: LogSettings, secrets: Secrets, stream: TextIO | None = None
) -> None:
    """Send the log to `stream` (standard error) at the level and in the form of `settings`."""
    out = sys.stderr if stream is None else stream
    as_text = settings.format == "text" or (settings.format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextFormatter(secrets) if as_text else JsonFormatter(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    handler.addFilter(_ours)
    root.setLevel(logging.INFO)
    _configure_access(settings, secrets, out)
    logging.getLogger("triphammer").setLevel(settings.level.upper())
    # It repeats every failed request several times a second; our sensor and outbox say once
    # what that means.
    loud = settings.level == "debug"
    logging.getLogger("aiokafka").setLevel(logging.WARNING if loud else logging.CRITICAL)


def _configure_access(settings: LogSettings, secrets: Secrets, out: TextIO) -> None:
    access = logging.getLogger(ACCESS)
    access.propagate = False
    access.setLevel(logging.CRITICAL if settings.access == "off" else logging.INFO)
    handler = logging.StreamHandler(out)
    handler.setFormatter(AsItIs(secrets))
    access.handlers[:] = [handler]


def _ours(record: logging.LogRecord) -> bool:
    """Our own records and everybody's warnings; not what was logged inside a task. Those that
    are about a trace say so."""
    if getattr(record, "captured", False):
        return False
    trace = current_trace.get()
    if trace and not hasattr(record, "trace_id"):
        record.trace_id = trace
    return record.name.startswith("triphammer") or record.levelno >= logging.WARNING


class AsItIs(logging.Formatter):
    """The message alone."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__("%(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return self._secrets.mask(super().format(record))


class TextFormatter(logging.Formatter):
    """`12:34:56.789 WARNING triphammer.web: text key=value`."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"
        )
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f" {key}={value}" for key, value in _extra(record).items())
        return self._secrets.mask(super().format(record) + extra)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, error and whatever is extra."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        # The standard names win: a reader relies on them.
        line |= {key: value for key, value in _extra(record).items() if key not in line}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps({k: self._masked(v) for k, v in line.items()}, ensure_ascii=False)

    def _masked(self, value: object) -> object:
        """Value by value: over the whole line, a secret such as `info` would hide the keys."""
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Mapping):
            table = cast("Mapping[object, object]", value)
            return {str(key): self._masked(item) for key, item in table.items()}
        if isinstance(value, (list, tuple)):
            return [self._masked(item) for item in cast("list[object]", value)]
        return self._secrets.mask(str(value))


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {k: v for k, v in vars(record).items() if k not in _STANDARD}
