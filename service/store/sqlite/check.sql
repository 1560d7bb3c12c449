-- What `triphammer db check` and `backup` ask. All of it reads.

-- name: version
PRAGMA user_version;

-- name: integrity
PRAGMA integrity_check;

-- name: foreign_keys
PRAGMA foreign_key_check;

-- name: unfinished_without_event
-- Runs that are to go on, but on what?
SELECT id FROM runs
WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded')
  AND event NOT IN (SELECT key FROM events);

-- name: events_without_identity
-- A second arrival of these would not be known.
SELECT key FROM events e
WHERE NOT EXISTS (SELECT 1 FROM identities i WHERE i.source = e.source AND i.id = e.id);

-- name: claims_without_event
SELECT event FROM claims WHERE event NOT IN (SELECT key FROM events);

-- name: unfinished_without_version
-- Runs whose flow version is not stored cannot be taken up again.
SELECT id FROM runs r
WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded')
  AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.flow = r.flow AND v.version = r.version);

-- name: tables
SELECT name FROM sqlite_schema WHERE type = 'table';

-- name: waiting_for_nothing
-- Runs that would wait for ever: nothing is left that could wake them.
SELECT id FROM runs r
WHERE state = 'waiting' AND NOT EXISTS (SELECT 1 FROM waits w WHERE w.run = r.seq);

-- name: wrong_counts
-- Flows and states of which another number of runs is kept than there are.
SELECT flow || ' ' || state FROM (
  SELECT flow, state, runs FROM (
    SELECT flow, state, runs FROM run_counts WHERE runs != 0
    EXCEPT SELECT flow, state, count(*) FROM runs GROUP BY flow, state)
  UNION SELECT flow, state, 0 FROM (
    SELECT flow, state, count(*) FROM runs GROUP BY flow, state
    EXCEPT SELECT flow, state, runs FROM run_counts)
) GROUP BY flow, state;

-- name: artifacts
-- The hashes that results name; see schema 0002.
SELECT substr(result, 23, 64) FROM tasks
WHERE substr(result, 1, 22) = x'83a46b696e64a86172746966616374a4626f6479c440'
UNION SELECT substr(result, 23, 64) FROM runs
WHERE substr(result, 1, 22) = x'83a46b696e64a86172746966616374a4626f6479c440';

-- name: kept
-- The hashes of what tasks have kept.
SELECT DISTINCT digest FROM artifacts;

-- name: keeps
-- Whether there is a table of that: see schema 0008.
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'artifacts';

-- name: counts
SELECT 'events', count(*) FROM events UNION ALL SELECT 'runs', count(*) FROM runs
UNION ALL SELECT 'messages', count(*) FROM outbox
UNION ALL SELECT 'identities', count(*) FROM identities;
