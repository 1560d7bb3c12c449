-- The first schema. Times are int64 microseconds UTC; `seq` is the order of commits, and
-- ends every index (SQLite adds the row's number), so that lists come out of it in order.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What has been seen: decides what is a duplicate. Kept longer than the events themselves.
CREATE TABLE identities (
  seq INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  event TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  duplicates INTEGER NOT NULL DEFAULT 0,
  UNIQUE (source, id)
);

CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  id TEXT NOT NULL,
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  subject TEXT,
  time INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  dataschema TEXT,
  headers BLOB,
  extensions BLOB,
  data_kind TEXT NOT NULL,
  data BLOB NOT NULL,
  catalog TEXT,
  moved_to TEXT
);
CREATE INDEX events_by_type ON events (type);
CREATE INDEX events_by_source ON events (source);
CREATE INDEX events_by_time ON events (received_at);

CREATE TABLE dispositions (
  seq INTEGER PRIMARY KEY,
  event TEXT NOT NULL,
  subscription TEXT NOT NULL,
  flow TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT,
  run TEXT
);
CREATE INDEX dispositions_by_event ON dispositions (event);

CREATE TABLE runs (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  flow TEXT NOT NULL,
  version TEXT NOT NULL,
  subscription TEXT NOT NULL,
  state TEXT NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 0,
  owner TEXT,
  event TEXT NOT NULL,
  params BLOB NOT NULL,
  lineage TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  result BLOB,
  error BLOB
);
CREATE INDEX runs_by_flow ON runs (flow);
CREATE INDEX runs_by_state ON runs (state);
CREATE INDEX runs_by_flow_and_state ON runs (flow, state);
CREATE INDEX runs_by_time ON runs (created_at);
CREATE INDEX runs_by_event ON runs (event);

CREATE TABLE tasks (
  seq INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
  name TEXT NOT NULL,
  map TEXT,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  due_at INTEGER,
  result BLOB,
  error BLOB,
  items INTEGER,
  UNIQUE (run, name)
);

CREATE TABLE attempts (
  seq INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
  task TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  error BLOB NOT NULL
);
CREATE INDEX attempts_by_run ON attempts (run);

CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  run TEXT NOT NULL,
  flow TEXT NOT NULL,
  message BLOB NOT NULL,
  target TEXT NOT NULL,
  key TEXT,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  delivered_at INTEGER,
  error TEXT,
  epoch INTEGER NOT NULL DEFAULT 0,
  owner TEXT
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'pending';
CREATE INDEX outbox_line ON outbox (target, key)
  WHERE key IS NOT NULL AND state IN ('pending', 'dead');
CREATE INDEX outbox_by_state ON outbox (state);
CREATE INDEX outbox_by_run ON outbox (run);

-- Files to move once all runs of their event have ended. State: open, due.
CREATE TABLE claims (
  seq INTEGER PRIMARY KEY,
  event TEXT NOT NULL UNIQUE,
  claim BLOB NOT NULL,
  state TEXT NOT NULL,
  failed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX claims_due ON claims (seq) WHERE state = 'due';

-- A sensor's place in its source; moves in the transaction of the events it stands for.
CREATE TABLE positions (
  sensor TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (sensor, key)
) WITHOUT ROWID;

CREATE TABLE dead_records (
  seq INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  reason TEXT NOT NULL,
  payload BLOB NOT NULL,
  headers BLOB NOT NULL,
  at INTEGER NOT NULL,
  UNIQUE (source, id)
);

CREATE TABLE flow_state (
  flow TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (flow, key)
) WITHOUT ROWID;

CREATE TABLE versions (
  flow TEXT NOT NULL,
  version TEXT NOT NULL,
  file TEXT NOT NULL,
  sources BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (flow, version)
) WITHOUT ROWID;

CREATE TABLE catalogs (id TEXT PRIMARY KEY, body BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE paused (flow TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
