-- What operators do to runs: retries, marks, notes, tags; and who did it when.

-- How many times the run was retried; of a task's attempts those before the last time that it
-- was to run again.
ALTER TABLE runs ADD COLUMN retried INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;

-- Tags stand with the run as a JSON array, to be shown, and a row each, to be found.
ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
CREATE TABLE run_tags (
  run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (tag, run)
) WITHOUT ROWID;
CREATE INDEX run_tags_by_run ON run_tags (run);

-- `key`: the idempotency key that it was asked for with.
CREATE TABLE operations (
  seq INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  what TEXT NOT NULL,
  detail TEXT NOT NULL,
  key TEXT
);
CREATE INDEX operations_by_run ON operations (run);
CREATE UNIQUE INDEX operations_by_key ON operations (run, key) WHERE key IS NOT NULL;
