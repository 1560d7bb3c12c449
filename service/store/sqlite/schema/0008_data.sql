-- How far a task says that it is: a msgpack array of two numbers, done and total.
ALTER TABLE tasks ADD COLUMN progress BLOB;

-- Artifacts that tasks have kept, a row each; the contents lie in files named by their hash.
CREATE TABLE artifacts (
  seq INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
  task TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  at INTEGER NOT NULL
);
CREATE INDEX artifacts_by_run ON artifacts (run);
CREATE INDEX artifacts_by_digest ON artifacts (digest);

-- Results that others may use, by what they depend on; and the run that a result was taken from.
ALTER TABLE tasks ADD COLUMN cache_key TEXT;
ALTER TABLE tasks ADD COLUMN cached_from TEXT;
CREATE INDEX tasks_by_cache ON tasks (cache_key, finished_at) WHERE cache_key IS NOT NULL;
