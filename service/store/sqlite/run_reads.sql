-- What the page of one run reads: never the results of all tasks, nor the items of all maps.

-- name: task_states
-- Without items of maps and without results, in the order they were first written.
SELECT name, state, attempt, started_at, finished_at, due_at, NULL AS result, error, items,
  progress, NULL AS cache_key, cached_from, earlier
FROM tasks WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND map IS NULL
ORDER BY +seq LIMIT ?2;

-- name: items_of
-- Of one map without results, those of a state if one is given; after a name, if one is given.
SELECT name, state, attempt, started_at, finished_at, due_at, NULL AS result, error, items,
  progress, NULL AS cache_key, cached_from, earlier
FROM tasks
WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND map = ?2 AND (?3 IS NULL OR state = ?3)
  AND +seq > coalesce(
    (SELECT seq FROM tasks WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND name = ?4), 0)
ORDER BY +seq LIMIT ?5;

-- name: inner_counts
-- Of the tasks inside items of maps and turns of loops: how many are in which state, by their names
-- without the last number (`orders[]/parse`).
SELECT rtrim(rtrim(map, ']'), '0123456789') || ']/' || substr(name, length(map) + 2) AS place,
  state, count(*)
FROM tasks WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND map LIKE '%]'
GROUP BY place, state LIMIT ?2;

-- name: task_named
SELECT * FROM tasks WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND name = ?2;

-- name: attempt_times
-- Of the failed attempts, without those of items: task, attempt, begin and end.
SELECT a.task, a.attempt, a.started_at, a.finished_at FROM attempts a
JOIN tasks t ON t.run = a.run AND t.name = a.task AND t.map IS NULL
WHERE a.run = (SELECT seq FROM runs WHERE id = ?1) ORDER BY +a.seq LIMIT ?2;

-- name: attempts_of
-- The last failed attempts of one task, the newest first.
SELECT task, attempt, started_at, finished_at, error FROM attempts
WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND task = ?2 ORDER BY +seq DESC LIMIT ?3;

-- name: runs_caused
-- By the events of a source whose id is the run's, or begins with it and a slash.
SELECT r.* FROM identities i JOIN runs r ON r.event = i.event
WHERE i.source = ?1 AND i.id >= ?2 AND i.id < ?2 || '0'
ORDER BY r.seq LIMIT ?3;

-- name: artifacts_of_task
-- Those that a task or item of a map has kept, the newest first.
SELECT * FROM artifacts
WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND task = ?2 ORDER BY +seq DESC LIMIT ?3;
