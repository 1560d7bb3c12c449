-- Every statement that removes what is old. A window is a stretch of an index: what may not go
-- yet is passed over, so that no transaction looks at more than one window.

-- name: old_events
-- Window by age: time and number to go on after, the end, the size; of the newest ?5 only.
SELECT seq, key, received_at FROM events
WHERE received_at >= ?1 AND (received_at > ?1 OR seq > ?2) AND received_at < ?3
  AND +seq > (SELECT max(seq) FROM events) - ?5
ORDER BY received_at, seq LIMIT ?4;

-- name: surplus_events
-- Window by count: those that are not among the newest ?2, after a number.
SELECT seq, key, received_at FROM events
WHERE seq > ?1 AND seq <= (SELECT max(seq) FROM events) - ?2
ORDER BY seq LIMIT ?3;

-- name: old_identities
SELECT seq, first_at FROM identities WHERE seq > ?1 ORDER BY seq LIMIT ?2;

-- name: prunable_events
-- Of the given events (a JSON array of keys) those whose work is done: all runs ended before
-- ?2, none of them a dead letter younger than ?3 or holding its key, no message pending or
-- dead, no file to move.
-- The newest event and run stay: their numbers must not be given again.
SELECT e.seq, e.key FROM json_each(?1) AS asked JOIN events e ON e.key = asked.value
WHERE e.seq < (SELECT max(seq) FROM events)
  AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.event = e.key AND c.state = 'due')
  AND (e.received_at < ?3 OR NOT EXISTS (
    SELECT 1 FROM dispositions d
    WHERE d.event = e.key AND d.outcome IN ('dead-lettered', 'error')))
  AND NOT EXISTS (
    SELECT 1 FROM runs r WHERE r.event = e.key AND (
      r.state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded')
      OR coalesce(r.finished_at, r.created_at) >= ?2
      OR (r.state = 'failed' AND r.settled IS NULL
        AND coalesce(r.finished_at, r.created_at) >= ?3)
      OR r.holds = 1
      OR r.seq = (SELECT max(seq) FROM runs)
      OR EXISTS (SELECT 1 FROM outbox o
        WHERE o.run = r.id AND o.state NOT IN ('delivered', 'skipped'))));

-- name: runs_of_events
-- Of a JSON array of keys.
SELECT r.seq, r.id FROM json_each(?1) AS asked JOIN runs r ON r.event = asked.value;

-- name: drop_tasks
-- At most so many tasks of runs (a JSON array of numbers).
DELETE FROM tasks WHERE seq IN (
  SELECT t.seq FROM json_each(?1) AS asked JOIN tasks t ON t.run = asked.value LIMIT ?2);

-- name: drop_attempts
DELETE FROM attempts WHERE seq IN (
  SELECT a.seq FROM json_each(?1) AS asked JOIN attempts a ON a.run = asked.value LIMIT ?2);

-- name: drop_kept
DELETE FROM artifacts WHERE seq IN (
  SELECT a.seq FROM json_each(?1) AS asked JOIN artifacts a ON a.run = asked.value LIMIT ?2);

-- name: drop_messages
DELETE FROM outbox WHERE run IN (SELECT value FROM json_each(?));

-- name: drop_runs
DELETE FROM runs WHERE seq IN (SELECT value FROM json_each(?));

-- name: drop_dispositions
DELETE FROM dispositions WHERE event IN (SELECT value FROM json_each(?));

-- name: drop_claims
-- Open ones: of events that started nothing.
DELETE FROM claims WHERE event IN (SELECT value FROM json_each(?));

-- name: drop_events
DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?));

-- name: drop_identities
-- From number ?1 to ?2: those not seen since ?3 whose event is gone.
DELETE FROM identities
WHERE seq BETWEEN ?1 AND ?2 AND last_at < ?3 AND seq < (SELECT max(seq) FROM identities)
  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.key = identities.event);

-- name: count_identities
SELECT count(*) FROM identities
WHERE seq BETWEEN ?1 AND ?2 AND last_at < ?3 AND seq < (SELECT max(seq) FROM identities)
  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.key = identities.event);
