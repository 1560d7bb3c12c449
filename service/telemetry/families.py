"""Every metric that the daemon tells, in the order of `/metrics`: `docs/metrics.md` is the same
list for people, and a test compares the two."""

from __future__ import annotations

from triphammer.service.metrics import Family

QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds of what should take no time: commits, answers, the turn of a loop."""
LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200)
"""Seconds of what takes as long as it takes: runs, tasks, deliveries."""
MANY = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# --- events ---------------------------------------------------------------------------------
EVENTS = Family("triphammer_events_total", "counter", "Events taken in by sensor.", ("sensor",))
EVENT_OUTCOMES = Family(
    "triphammer_event_outcomes_total",
    "counter",
    "Events by the kind of their source: accepted, duplicate, refused, or dead (an unreadable "
    "record).",
    ("kind", "outcome"),
)
DISPOSITIONS = Family(
    "triphammer_dispositions_total",
    "counter",
    "What events came to for flows; filtered ones that patterns rule out are not counted.",
    ("flow", "outcome"),
)

# --- runs -----------------------------------------------------------------------------------
RUNS = Family("triphammer_runs", "gauge", "Stored runs by flow and state.", ("flow", "state"))
RUNS_STARTED = Family("triphammer_runs_started_total", "counter", "Runs that began.", ("flow",))
RUNS_ENDED = Family(
    "triphammer_runs_ended_total", "counter", "Runs that ended, by how.", ("flow", "state")
)
RUNS_LATE = Family("triphammer_runs_late_total", "counter", "Runs past their deadline.", ("flow",))
RUN_SECONDS = Family(
    "triphammer_run_duration_seconds",
    "histogram",
    "From a run's start to its end.",
    ("flow",),
    LONG,
)
RUN_WAIT = Family(
    "triphammer_run_wait_seconds",
    "histogram",
    "From the making of a run to its start: commit and queue.",
    (),
    LONG,
)
RUNS_ACTIVE = Family("triphammer_runs_active", "gauge", "Runs under way.")
RUNS_LIMIT = Family("triphammer_runs_limit", "gauge", "Runs that may be under way at once.")
RUNS_QUEUED = Family("triphammer_runs_queued", "gauge", "Runs that wait for a place.")

# --- tasks ----------------------------------------------------------------------------------
TASKS = Family(
    "triphammer_tasks_total",
    "counter",
    "Tasks and map items by what became of them; retrying: an attempt failed and another follows.",
    ("flow", "state"),
)
TASK_SECONDS = Family(
    "triphammer_task_duration_seconds",
    "histogram",
    "From the start of an attempt to its end.",
    ("flow",),
    LONG,
)
ABANDONED = Family(
    "triphammer_attempts_abandoned", "gauge", "Attempts that were to end and whose code goes on."
)
EXECUTOR_RUNNING = Family(
    "triphammer_executor_running", "gauge", "Attempts that an executor has.", ("executor",)
)
EXECUTOR_SLOTS = Family(
    "triphammer_executor_slots",
    "gauge",
    "Attempts that an executor runs at once, where that is limited.",
    ("executor",),
)
POOL_HELD = Family(
    "triphammer_pool_slots_held", "gauge", "Slots of a pool that are held.", ("pool",)
)
POOL_SLOTS = Family("triphammer_pool_slots", "gauge", "Slots that a pool has.", ("pool",))
POOL_WAITING = Family(
    "triphammer_pool_waiting", "gauge", "Attempts that wait for slots.", ("pool",)
)
BREAKER_OPEN = Family(
    "triphammer_breaker_open", "gauge", "1: a circuit breaker is open.", ("breaker",)
)
BREAKER_WAITING = Family(
    "triphammer_breaker_waiting", "gauge", "Attempts it holds back.", ("breaker",)
)
LOG_LINES_LOST = Family(
    "triphammer_log_lines_lost_total", "counter", "Captured lines that were not kept."
)

# --- outbox ---------------------------------------------------------------------------------
OUTBOX = Family("triphammer_outbox_messages", "gauge", "Outgoing messages by state.", ("state",))
OUTBOX_OLDEST = Family(
    "triphammer_outbox_oldest_pending_seconds",
    "gauge",
    "Age of the oldest message that waits for its delivery; 0: none does.",
)
DELIVERIES = Family(
    "triphammer_outbox_deliveries_total",
    "counter",
    "Attempts to deliver a message: delivered, retry, or dead (a dead letter).",
    ("kind", "outcome"),
)
DELIVERY_SECONDS = Family(
    "triphammer_outbox_delivery_duration_seconds",
    "histogram",
    "How long an attempt to deliver took.",
    ("kind",),
    LONG,
)
DELIVERY_LATENCY = Family(
    "triphammer_outbox_latency_seconds",
    "histogram",
    "From the commit of a message to its delivery.",
    ("kind",),
    LONG,
)
TARGETS_FAILING = Family(
    "triphammer_outbox_targets_failing", "gauge", "Targets whose last delivery failed."
)

# --- sensors and parts ----------------------------------------------------------------------
SENSOR_UP = Family("triphammer_sensor_up", "gauge", "1 while the sensor works.", ("sensor",))
SENSOR_PAUSED = Family(
    "triphammer_sensor_paused", "gauge", "1 while somebody has paused the sensor.", ("sensor",)
)
SENSOR_FAILURES = Family(
    "triphammer_sensor_failures_total", "counter", "Failures of the sensor.", ("sensor",)
)
KAFKA_LAG = Family(
    "triphammer_kafka_lag_records",
    "gauge",
    "Records of a partition that are not taken in yet, as last heard from the broker.",
    ("topic", "partition"),
)
PART_UP = Family("triphammer_part_up", "gauge", "1 while the part works.", ("part",))
PART_RESTARTS = Family(
    "triphammer_part_restarts_total", "counter", "Failures of the part.", ("part",)
)

# --- store ----------------------------------------------------------------------------------
COMMIT_SECONDS = Family(
    "triphammer_store_commit_duration_seconds", "histogram", "One group's commit.", (), QUICK
)
COMMIT_UNITS = Family(
    "triphammer_store_commit_units", "histogram", "Units that one commit took together.", (), MANY
)
DATABASE_BYTES = Family("triphammer_store_database_bytes", "gauge", "Size of the database file.")
WAL_BYTES = Family("triphammer_store_wal_bytes", "gauge", "Size of the write-ahead log.")

# --- HTTP -----------------------------------------------------------------------------------
REQUESTS = Family(
    "triphammer_http_requests_total",
    "counter",
    "Answered requests by route, method and class of the status.",
    ("route", "method", "status"),
)
REQUEST_SECONDS = Family(
    "triphammer_http_request_duration_seconds",
    "histogram",
    "From the head of a request to the end of its answer; live streams are left out.",
    ("route", "method"),
    QUICK,
)
CONNECTIONS = Family("triphammer_http_connections", "gauge", "Open connections.")
REFUSED = Family(
    "triphammer_http_refused_total",
    "counter",
    "Clients turned away before their request was whole, by status; closed: they said nothing.",
    ("status",),
)
STREAMS = Family("triphammer_stream_listeners", "gauge", "Open live streams.")

# --- process --------------------------------------------------------------------------------
LOOP_LAG = Family(
    "triphammer_loop_lag_seconds",
    "histogram",
    "How late a loop does what is due; looked at once a second, the flow loop while it works.",
    ("loop",),
    QUICK,
)
CPU = Family("process_cpu_seconds_total", "counter", "User and system CPU time.")
MEMORY = Family("process_resident_memory_bytes", "gauge", "Resident memory.")
DESCRIPTORS = Family("process_open_fds", "gauge", "Open file descriptors.")
MOST_DESCRIPTORS = Family("process_max_fds", "gauge", "Most file descriptors that may be open.")
STARTED = Family("process_start_time_seconds", "gauge", "Start of the process, Unix time.")
BUILD = Family(
    "triphammer_build_info", "gauge", "Always 1; the labels tell the build.", ("version", "python")
)

# --- traces ---------------------------------------------------------------------------------
SPANS = Family(
    "triphammer_otel_spans_total",
    "counter",
    "Spans handed to the collector: exported, or failed.",
    ("outcome",),
)

ALL = tuple(value for value in tuple(globals().values()) if isinstance(value, Family))
