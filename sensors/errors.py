"""The errors of the sensors.

SensorError                a sensor cannot do its work; it is restarted with backoff
├── SourceError            a source as the user wrote it cannot be used (load error)
├── Rejected               one delivery is refused: carries the HTTP status and reason
├── Overloaded             back-pressure: try again after `retry_after` seconds
└── StoreUnavailable       nothing can be made durable just now; same reaction
"""

from triphammer.config.errors import TriphammerError


class SensorError(TriphammerError):
    """A sensor cannot do its work; the supervisor restarts it with backoff."""


class SourceError(SensorError, ValueError):
    """A source as the user wrote it cannot be used; shown as a load error of the flow."""


class Rejected(SensorError):
    """One delivery is refused; `status` is the HTTP status that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Overloaded(SensorError):
    """Back-pressure: the queue is over its limit. `status` 429; retry after seconds."""

    status = 429

    def __init__(self, reason: str, retry_after: float = 1.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class StoreUnavailable(Overloaded):
    """The store cannot commit just now. `status` 503."""

    status = 503
