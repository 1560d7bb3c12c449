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

-- name: after
-- So many lines of a run after a number; then the narrowed ones of these are picked. Those of a
-- map are those of its items too.
SELECT seq, task, attempt, at, level, text FROM (
  SELECT * FROM lines WHERE run = :run AND seq > :from ORDER BY seq LIMIT :window)
WHERE (:task IS NULL OR task = :task OR substr(task, 1, length(:task) + 1) = :task || '[')
  AND (:attempt IS NULL OR attempt = :attempt)
  AND (:levels IS NULL OR level IN (SELECT value FROM json_each(:levels)))
  AND (:words IS NULL OR instr(lower(text), lower(:words)))
ORDER BY seq LIMIT :limit;

-- name: before
-- The same of the lines before a number, the last of them first.
SELECT seq, task, attempt, at, level, text FROM (
  SELECT * FROM lines WHERE run = :run AND seq < :from ORDER BY seq DESC LIMIT :window)
WHERE (:task IS NULL OR task = :task OR substr(task, 1, length(:task) + 1) = :task || '[')
  AND (:attempt IS NULL OR attempt = :attempt)
  AND (:levels IS NULL OR level IN (SELECT value FROM json_each(:levels)))
  AND (:words IS NULL OR instr(lower(text), lower(:words)))
ORDER BY seq DESC LIMIT :limit;

-- name: end_after
-- The last line of the same window; NULL where there is none.
SELECT max(seq) FROM (
  SELECT seq FROM lines WHERE run = :run AND seq > :from ORDER BY seq LIMIT :window);

-- name: end_before
SELECT min(seq) FROM (
  SELECT seq FROM lines WHERE run = :run AND seq < :from ORDER BY seq DESC LIMIT :window);
