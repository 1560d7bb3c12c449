"""The daemon's own log: text on a terminal, JSON lines otherwise; secrets masked."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from triphammer.config.secrets import Secrets
from triphammer.config.settings import LogSettings

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
    logging.getLogger("triphammer").setLevel(settings.level.upper())
    # It repeats every failed request several times a second; our sensor and outbox say once
    # what that means.
    loud = settings.level == "debug"
    logging.getLogger("aiokafka").setLevel(logging.WARNING if loud else logging.CRITICAL)


def _ours(record: logging.LogRecord) -> bool:
    """Our own records and everybody's warnings; not what was logged inside a task."""
    if getattr(record, "captured", False):
        return False
    return record.name.startswith("triphammer") or record.levelno >= logging.WARNING


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
            **_extra(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return self._secrets.mask(json.dumps(line, default=str, ensure_ascii=False))


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {k: v for k, v in vars(record).items() if k not in _STANDARD}
