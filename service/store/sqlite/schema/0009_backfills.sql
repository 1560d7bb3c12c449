-- Ticks of timers over a stretch of the past, made up for by request. `asked` is the request,
-- `key` its idempotency key; `finished_at` is set once nothing of it is under way.
CREATE TABLE backfills (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  flow TEXT NOT NULL,
  state TEXT NOT NULL,
  asked BLOB NOT NULL,
  key TEXT UNIQUE,
  created_at INTEGER NOT NULL,
  finished_at INTEGER
);
CREATE INDEX backfills_open ON backfills (seq) WHERE finished_at IS NULL;
CREATE INDEX backfills_by_flow ON backfills (flow);

CREATE TABLE backfill_ticks (
  seq INTEGER PRIMARY KEY,
  backfill INTEGER NOT NULL REFERENCES backfills (seq) ON DELETE CASCADE,
  due INTEGER NOT NULL,
  start INTEGER NOT NULL,
  state TEXT NOT NULL,
  redo TEXT,
  run TEXT,
  detail TEXT,
  UNIQUE (backfill, due)
);
CREATE INDEX backfill_ticks_by_state ON backfill_ticks (backfill, state, due);
