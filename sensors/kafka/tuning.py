"""How the Kafka sensor paces itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times in the unit that the name ends with, seconds where it names none.

    `max_records` caps a batch: a broker may answer with megabytes in spite of its limit, and a
    big batch holds up the loop. `patience` is how long an emission may take before the
    partitions are paused. `flush_time` bounds what a rebalance waits for us: it must stay
    well below `rebalance_timeout_ms`. `silence` is how long the broker may leave fetches
    unanswered before the sensor reports it, `give_up` before it connects anew.
    """

    max_records: int = 500
    poll_time: float = 0.2
    patience: float = 0.5
    keep_alive: float = 1.0
    flush_time: float = 8.0
    commit_time: float = 5.0
    watch_every: float = 1.0
    silence: float = 5.0
    give_up: float = 90.0
    first_backoff: float = 0.5
    max_backoff: float = 5.0
    # A topic that is created later is found at this age of the metadata.
    metadata_age_ms: int = 5_000
    max_poll_interval_ms: int = 300_000
    session_timeout_ms: int = 10_000
    rebalance_timeout_ms: int = 30_000
    request_timeout_ms: int = 30_000
