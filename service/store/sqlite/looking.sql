-- What pages show of many rows: see `service.store.looking`. Each of these is bounded by what an
-- index or a count gives.

-- name: queued_counts
SELECT flow, runs FROM run_counts WHERE state = 'queued' AND runs > 0;

-- name: run_counts
SELECT flow, state, runs FROM run_counts WHERE runs > 0;

-- name: outbox_counts
SELECT state, messages FROM outbox_counts WHERE messages > 0;

-- name: last_ended
-- Of flows (a JSON array of names) the last ?2 runs each that have ended.
SELECT r.flow, r.id, r.state, r.created_at, r.started_at, r.finished_at
FROM json_each(?1) AS asked CROSS JOIN runs r ON r.seq IN (
  SELECT seq FROM runs INDEXED BY runs_ended
  WHERE flow = asked.value AND finished_at IS NOT NULL
  ORDER BY finished_at DESC LIMIT ?2)
ORDER BY r.finished_at DESC;

-- name: daily_counts
SELECT day, state, runs FROM run_days WHERE flow = ? AND day >= ? AND runs > 0 ORDER BY day, state;

-- name: newest_of_flow
SELECT seq, flow, version, id, state, created_at, started_at, finished_at FROM runs
WHERE flow = ?1 AND seq < coalesce(?2, 9223372036854775807) ORDER BY seq DESC LIMIT ?3;

-- name: runs_in_short
-- Those whose ids are in a JSON array, in its order.
SELECT r.seq, r.flow, r.version, r.id, r.state, r.created_at, r.started_at, r.finished_at
FROM json_each(?) AS asked CROSS JOIN runs r ON r.id = asked.value ORDER BY asked.key;

-- name: some_positions
SELECT key, value FROM positions WHERE sensor = ? ORDER BY key LIMIT ?;

-- name: grid_tasks
-- Of runs (a JSON array of numbers) the first ?2 tasks each, in the order they were first written.
SELECT t.run, t.name, t.state, t.attempt, t.started_at, t.finished_at, t.items
FROM json_each(?1) AS asked CROSS JOIN tasks t ON t.seq IN (
  SELECT seq FROM tasks INDEXED BY tasks_apart
  WHERE run = asked.value AND map IS NULL ORDER BY seq LIMIT ?2)
ORDER BY t.seq;

-- name: failed_items
-- Of runs (a JSON array of numbers): how many items of each of their maps have failed.
SELECT t.run, t.map, count(*) FROM json_each(?1) AS asked
JOIN tasks t INDEXED BY tasks_failed_items
  ON t.run = asked.value AND t.map IS NOT NULL AND t.state = 'failed'
GROUP BY t.run, t.map;

-- name: last_failures
SELECT * FROM runs INDEXED BY runs_failed
WHERE state = 'failed' AND finished_at >= coalesce(?2, 0) ORDER BY finished_at DESC LIMIT ?1;

-- name: last_failures_of_flow
-- Those of the last ?4 that have ended: a flow that never fails has none, and is not looked through.
SELECT * FROM (
  SELECT * FROM runs INDEXED BY runs_ended
  WHERE flow = ?3 AND finished_at >= coalesce(?2, 0) ORDER BY finished_at DESC LIMIT ?4)
WHERE state = 'failed' ORDER BY finished_at DESC LIMIT ?1;

-- name: size
SELECT
  (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS bytes,
  (SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size)
    AS free,
  (SELECT user_version FROM pragma_user_version) AS schema,
  (SELECT coalesce(sum(events), 0) FROM event_hours) AS events,
  (SELECT coalesce(sum(runs), 0) FROM run_counts) AS runs,
  (SELECT coalesce(max(seq), 0) FROM tasks) - (SELECT coalesce(min(seq), 1) FROM tasks) + 1 AS tasks,
  (SELECT coalesce(sum(messages), 0) FROM outbox_counts) AS messages,
  (SELECT received_at FROM events ORDER BY received_at LIMIT 1) AS oldest_event_at,
  (SELECT created_at FROM runs ORDER BY created_at LIMIT 1) AS oldest_run_at;

-- name: with_subject
-- Whether the subjects that begin so are at most ?3.
SELECT count(*) <= ?3 FROM (
  SELECT 1 FROM events WHERE subject >= ?1 AND subject < ?2 LIMIT ?3 + 1);

-- name: events_numbered
-- Those whose numbers are in a JSON array, newest first.
SELECT e.*, coalesce(i.duplicates, 0) AS duplicates FROM json_each(?) AS asked
JOIN events e ON e.seq = asked.value
LEFT JOIN identities i ON i.source = e.source AND i.id = e.id ORDER BY e.seq DESC;
