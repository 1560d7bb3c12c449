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

-- name: old_runs
-- Of one window of lines after a number: last number, and the runs of those before a time as
-- a JSON array.
SELECT max(seq), json_group_array(DISTINCT run) FILTER (WHERE at < ?2)
FROM (SELECT seq, run, at FROM lines WHERE seq > ?1 ORDER BY seq LIMIT ?3);

-- name: forget
-- At most so many lines of runs (a JSON array).
DELETE FROM lines WHERE seq IN (
  SELECT l.seq FROM json_each(?1) AS asked JOIN lines l ON l.run = asked.value LIMIT ?2);
