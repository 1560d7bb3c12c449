-- What runs wait for. A run of which nothing is left but this is not in memory.
-- `wanted`: all of the wait, packed. `began_by` is the number of the run's own event. Of a wait
-- for an event those from `first` to `upto` are still to be looked at; null: that has happened.
-- `answer`: what has ended it; the row goes once the run has taken it.
CREATE TABLE waits (
  seq INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
  task TEXT NOT NULL,
  kind TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  due_at INTEGER,
  wanted BLOB NOT NULL,
  first INTEGER,
  upto INTEGER,
  answer BLOB,
  UNIQUE (run, task, kind)
);
CREATE INDEX waits_due ON waits (due_at)
  WHERE answer IS NULL AND upto IS NULL AND due_at IS NOT NULL;
CREATE INDEX waits_to_look ON waits (seq) WHERE upto IS NOT NULL;
CREATE INDEX waits_answered ON waits (run) WHERE answer IS NOT NULL;

-- How an event finds the waits that it may answer: by one value at one path of it. Path and
-- value are JSON; both are empty for a wait that has no such value.
CREATE TABLE wait_keys (
  path TEXT NOT NULL,
  value TEXT NOT NULL,
  wait INTEGER NOT NULL,
  PRIMARY KEY (path, value, wait)
) WITHOUT ROWID;
CREATE INDEX wait_keys_by_wait ON wait_keys (wait);

CREATE TRIGGER wait_is_answered AFTER UPDATE OF answer ON waits WHEN new.answer IS NOT NULL BEGIN
  DELETE FROM wait_keys WHERE wait = new.seq;
END;

CREATE TRIGGER wait_is_over AFTER DELETE ON waits BEGIN
  DELETE FROM wait_keys WHERE wait = old.seq;
END;

CREATE TRIGGER run_waits_no_more AFTER UPDATE OF state ON runs
WHEN new.state IN ('succeeded', 'failed', 'cancelled', 'superseded') BEGIN
  DELETE FROM waits WHERE run = new.seq;
END;
