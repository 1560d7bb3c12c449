-- Every statement that reads, named and described. Lists are newest first unless said.

-- name: meta
SELECT value FROM meta WHERE key = ?;

-- name: positions
SELECT key, value FROM positions WHERE sensor = ?;

-- name: event
SELECT e.*, coalesce(i.duplicates, 0) AS duplicates FROM events e
LEFT JOIN identities i ON i.source = e.source AND i.id = e.id WHERE e.key = ?;

-- name: events_named
-- Those whose keys are in a JSON array.
SELECT e.*, coalesce(i.duplicates, 0) AS duplicates FROM json_each(?) AS asked
JOIN events e ON e.key = asked.value
LEFT JOIN identities i ON i.source = e.source AND i.id = e.id;

-- name: event_key
SELECT event FROM identities WHERE source = ? AND id = ?;

-- name: dispositions
SELECT subscription, flow, outcome, detail, run FROM dispositions WHERE event = ? ORDER BY seq;

-- name: run
SELECT * FROM runs WHERE id = ?;

-- name: find
-- Ids that begin with a text, of everything that has one.
SELECT id FROM (SELECT id FROM runs WHERE id >= ?1 AND id < ?2 LIMIT 10)
UNION ALL SELECT key FROM (SELECT key FROM events WHERE key >= ?1 AND key < ?2 LIMIT 10)
UNION ALL SELECT id FROM (SELECT id FROM outbox WHERE id >= ?1 AND id < ?2 LIMIT 10)
UNION ALL SELECT id FROM (SELECT id FROM backfills WHERE id >= ?1 AND id < ?2 LIMIT 10)
LIMIT 10;

-- name: tasks
-- In the order they were first written; after a name, if one is given.
SELECT * FROM tasks
WHERE run = (SELECT seq FROM runs WHERE id = ?1)
  AND seq > coalesce(
    (SELECT seq FROM tasks WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND name = ?2), 0)
ORDER BY seq LIMIT ?3;

-- name: tasks_apart
-- The same without the items of maps, which are not looked at.
SELECT * FROM tasks INDEXED BY tasks_apart
WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND map IS NULL
  AND seq > coalesce(
    (SELECT seq FROM tasks WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND name = ?2), 0)
ORDER BY seq LIMIT ?3;

-- name: task_and_items
-- One task by its name, and the items of a map of that name.
SELECT * FROM tasks
WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND (name = ?2 OR map = ?2) ORDER BY seq;

-- name: cached
-- Given [[key, time], ...]: the newest result of each key that is no older, and its run.
SELECT json_extract(asked.value, '$[0]') AS key, tasks.result, runs.id AS run
FROM json_each(?) AS asked
JOIN tasks ON tasks.seq = (
  SELECT seq FROM tasks
  WHERE cache_key = json_extract(asked.value, '$[0]')
    AND finished_at >= json_extract(asked.value, '$[1]') AND state = 'succeeded'
  ORDER BY finished_at DESC LIMIT 1)
JOIN runs ON runs.seq = tasks.run
WHERE tasks.result IS NOT NULL;

-- name: tasks_of_runs
-- Those of the runs whose numbers are in a JSON array, in the order they were first written.
SELECT tasks.* FROM json_each(?) AS asked JOIN tasks ON tasks.run = asked.value ORDER BY seq;

-- name: item_counts
SELECT map, state, count(*) FROM tasks
WHERE run = (SELECT seq FROM runs WHERE id = ?) AND map IS NOT NULL GROUP BY map, state;

-- name: failed_attempts
SELECT task, attempt, started_at, finished_at, error FROM attempts
WHERE run = (SELECT seq FROM runs WHERE id = ?) ORDER BY seq;

-- name: holder
-- Whose turn a key is: the run under way, else the first that holds it.
SELECT id, state FROM runs WHERE flow = ?1 AND order_key = ?2 AND holds = 1
ORDER BY state NOT IN ('running', 'waiting'), coalesce(place, seq) LIMIT 1;

-- name: operations
-- Of a run, the oldest first.
SELECT at, by, what, detail, key FROM operations
WHERE run = (SELECT seq FROM runs WHERE id = ?) ORDER BY seq;

-- name: unfinished
SELECT * FROM runs WHERE state = 'running' ORDER BY seq;

-- name: ready
-- Queued runs of a flow that wait for nobody but a place. Those that wait for a run of their key,
-- which may be many, are not looked at.
SELECT * FROM runs INDEXED BY runs_ready
WHERE state = 'queued' AND unblocked = 1 AND flow = ?1
ORDER BY coalesce(place, seq) LIMIT ?2;

-- name: held_keys
-- Which keys are held, and by how many runs each.
SELECT flow, order_key, count(*) FROM runs WHERE holds = 1 GROUP BY flow, order_key;

-- name: paused
SELECT flow FROM paused ORDER BY flow;

-- name: paused_sensors
SELECT sensor, at FROM paused_sensors ORDER BY sensor;

-- name: flow_state
SELECT key, value FROM flow_state WHERE flow = ?;

-- name: outbox_due
-- What is due longest first: what is held for later is not looked at. A message with a key waits
-- for every earlier one of its target and key.
SELECT * FROM outbox o INDEXED BY outbox_due
WHERE state = 'pending' AND due_at <= ?1
  AND (key IS NULL OR NOT EXISTS (
    SELECT 1 FROM outbox p WHERE p.target = o.target AND p.key = o.key AND p.seq < o.seq
      AND p.key IS NOT NULL AND p.state IN ('pending', 'dead')))
ORDER BY due_at, seq LIMIT ?2;

-- name: outbox_next_due
-- When the first message that waits for none before it is due.
SELECT due_at FROM outbox o INDEXED BY outbox_due
WHERE state = 'pending'
  AND (key IS NULL OR NOT EXISTS (
    SELECT 1 FROM outbox p WHERE p.target = o.target AND p.key = o.key AND p.seq < o.seq
      AND p.key IS NOT NULL AND p.state IN ('pending', 'dead')))
ORDER BY due_at LIMIT 1;

-- name: outbox_oldest
-- Within one state the index has the rows in their order.
SELECT created_at FROM outbox INDEXED BY outbox_by_state
WHERE state = 'pending' ORDER BY seq LIMIT 1;

-- name: outbox_of_run
SELECT * FROM outbox WHERE run = ? ORDER BY seq LIMIT ?;

-- name: outbox
SELECT * FROM outbox ORDER BY seq DESC LIMIT ?;

-- name: message
SELECT * FROM outbox WHERE id = ?;

-- name: endpoints
SELECT target, disabled_at, reason FROM endpoints ORDER BY target;

-- name: claims_due
SELECT event, claim, failed FROM claims WHERE state = 'due' ORDER BY seq LIMIT ?;

-- name: version
SELECT flow, version, file, sources, at FROM versions WHERE flow = ? AND version = ?;

-- name: versions
SELECT flow, version, file, '{}' AS sources, at FROM versions WHERE flow = ?
ORDER BY at DESC, version;

-- name: versions_named
SELECT flow, version, file, sources, at FROM versions
WHERE version >= ?1 AND version < ?2 GROUP BY version LIMIT 10;

-- name: served
SELECT flow, version, file, at, removed_at,
  EXISTS (SELECT 1 FROM runs r WHERE r.flow = served.flow)
  OR EXISTS (SELECT 1 FROM flow_state s WHERE s.flow = served.flow) AS has_history
FROM served ORDER BY flow;

-- name: catalog
SELECT body FROM catalogs WHERE id = ?;

-- name: dead_records
-- Newest first; before a number, in a time.
SELECT seq, at, id, source, reason, payload, headers FROM dead_records
WHERE seq < coalesce(?2, 9223372036854775807)
  AND at >= coalesce(?3, 0) AND at < coalesce(?4, 9223372036854775807)
ORDER BY seq DESC LIMIT ?1;

-- name: most_attempts
-- Of each of the given runs (a JSON array) the most attempts that a failed task of it has had.
SELECT asked.value, max(tasks.attempt) FROM json_each(?) AS asked
JOIN runs ON runs.id = asked.value
JOIN tasks ON tasks.run = runs.seq AND tasks.state = 'failed'
GROUP BY asked.value;

-- name: known_runs
-- Of the given ids, a JSON array.
SELECT id FROM runs WHERE id IN (SELECT value FROM json_each(?));

-- name: artifacts
-- Those that the tasks of a run have kept, in order.
SELECT * FROM artifacts WHERE run = (SELECT seq FROM runs WHERE id = ?) ORDER BY seq LIMIT ?;

-- name: artifact
-- What the newest that has kept a content says of it.
SELECT * FROM artifacts WHERE digest = ? ORDER BY seq DESC LIMIT 1;

-- name: artifacts_named
-- Of the given hashes, a JSON array: those that a task has kept or a result names; see schemas
-- 0002 and 0008.
SELECT value FROM json_each(?) AS asked
WHERE EXISTS (SELECT 1 FROM artifacts WHERE digest = asked.value)
  OR EXISTS (SELECT 1 FROM tasks
    WHERE substr(result, 1, 22) = x'83a46b696e64a86172746966616374a4626f6479c440'
      AND substr(result, 23, 64) = CAST(asked.value AS BLOB))
  OR EXISTS (SELECT 1 FROM runs
    WHERE substr(result, 1, 22) = x'83a46b696e64a86172746966616374a4626f6479c440'
      AND substr(result, 23, 64) = CAST(asked.value AS BLOB));

-- name: backfill
SELECT * FROM backfills WHERE id = ?;

-- name: backfill_of_key
SELECT * FROM backfills WHERE key = ?;

-- name: backfills
SELECT * FROM backfills
WHERE (?2 IS NULL OR seq < ?2) AND (?3 IS NULL OR flow = ?3) ORDER BY seq DESC LIMIT ?1;

-- name: open_backfills
SELECT * FROM backfills INDEXED BY backfills_open WHERE finished_at IS NULL ORDER BY seq;

-- name: tick_counts
-- Of backfills (a JSON array of numbers): how many ticks are in which state.
SELECT t.backfill, t.state, count(*) FROM json_each(?) AS asked
JOIN backfill_ticks t ON t.backfill = asked.value GROUP BY t.backfill, t.state;

-- name: ticks
SELECT * FROM backfill_ticks
WHERE backfill = (SELECT seq FROM backfills WHERE id = ?1)
  AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR due > ?3)
ORDER BY due LIMIT ?4;

-- name: oldest_pending_ticks
SELECT * FROM backfill_ticks
WHERE backfill = (SELECT seq FROM backfills WHERE id = ?) AND state = 'pending'
ORDER BY due LIMIT ?;

-- name: newest_pending_ticks
SELECT * FROM backfill_ticks
WHERE backfill = (SELECT seq FROM backfills WHERE id = ?) AND state = 'pending'
ORDER BY due DESC LIMIT ?;

-- name: begun_ticks
SELECT t.due, r.state FROM backfill_ticks t LEFT JOIN runs r ON r.id = t.run
WHERE t.backfill = (SELECT seq FROM backfills WHERE id = ?) AND t.state = 'running';

-- name: tick_runs
-- Of the ids (a JSON array) of ticks those that came, each with the newest run of the flow; a
-- later event of a tick has its id and `#...`.
SELECT asked.value AS id, r.id AS run, r.state AS state, max(coalesce(r.seq, 0))
FROM json_each(?1) AS asked
JOIN identities i ON i.source = ?2 AND i.id >= asked.value AND i.id < asked.value || '$'
LEFT JOIN runs r ON r.event = i.event AND r.flow = ?3
GROUP BY asked.value;
