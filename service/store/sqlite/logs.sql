-- The second file: what tasks printed and logged.

-- name: schema
CREATE TABLE IF NOT EXISTS lines (
  seq INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  task TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  at INTEGER NOT NULL,
  level TEXT NOT NULL,
  text TEXT NOT NULL
);

-- name: index
CREATE INDEX IF NOT EXISTS lines_by_run ON lines (run, seq);

-- name: add
INSERT INTO lines (run, task, attempt, at, level, text) VALUES (?, ?, ?, ?, ?, ?);

-- name: of_run
SELECT seq, task, attempt, at, level, text FROM lines
WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: of_task
SELECT seq, task, attempt, at, level, text FROM lines
WHERE run = ? AND seq > ? AND task = ? ORDER BY seq LIMIT ?;

-- name: of_attempt
SELECT seq, task, attempt, at, level, text FROM lines
WHERE run = ? AND seq > ? AND task = ? AND attempt = ? ORDER BY seq LIMIT ?;
