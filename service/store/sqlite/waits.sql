-- Every statement about what runs wait for.

-- name: add_wait
-- A wait begins. Those of the run as a whole begin anew each time that it waits.
INSERT INTO waits (run, task, kind, began_at, due_at, wanted, first, upto)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, task, kind) DO UPDATE SET due_at = excluded.due_at, answer = NULL
RETURNING seq;

-- name: add_wait_key
INSERT INTO wait_keys (path, value, wait) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: drop_wait
DELETE FROM waits WHERE run = ? AND task = ?;

-- name: newest_event
SELECT coalesce(max(seq), 0) FROM events;

-- name: event_number
SELECT seq FROM events WHERE key = ?;

-- name: first_since
-- The number of the first event that came at a time or later.
SELECT seq FROM events WHERE received_at >= ? ORDER BY received_at, seq LIMIT 1;

-- name: typed_event_between
-- Whether there is an event of a type among those from a number to another.
SELECT 1 FROM events WHERE type = ? AND seq BETWEEN ? AND ? LIMIT 1;

-- name: wait_paths
-- The paths by which waits are found, walked by the index.
WITH RECURSIVE paths (path) AS (
  SELECT min(path) FROM wait_keys
  UNION ALL
  SELECT (SELECT min(path) FROM wait_keys WHERE path > paths.path) FROM paths
  WHERE paths.path IS NOT NULL
)
SELECT path FROM paths WHERE path IS NOT NULL;

-- name: waits_of_keys
-- The open waits under [[path, value], ...], in the order they began.
SELECT DISTINCT w.seq, r.id, r.flow, w.task, w.wanted, w.upto IS NULL, r.event
FROM json_each(?) AS asked
JOIN wait_keys k
  ON k.path = json_extract(asked.value, '$[0]') AND k.value = json_extract(asked.value, '$[1]')
JOIN waits w ON w.seq = k.wait
JOIN runs r ON r.seq = w.run
ORDER BY w.seq;

-- name: put_answer
UPDATE waits SET answer = ?2 WHERE seq = ?1;

-- name: answer_open
-- Answers the open wait of a task, which looks no more at earlier events.
UPDATE waits SET answer = ?4, first = NULL, upto = NULL
WHERE run = (SELECT seq FROM runs WHERE id = ?1) AND task = ?2 AND kind = ?3
  AND (answer IS NULL OR upto IS NOT NULL)
RETURNING (SELECT flow FROM runs WHERE id = ?1);

-- name: wait_looked
-- It has looked at earlier events; one of these goes before any that came meanwhile.
UPDATE waits SET answer = coalesce(?2, answer), first = NULL, upto = NULL
WHERE seq = ?1 AND upto IS NOT NULL
RETURNING (SELECT id FROM runs WHERE seq = run), (SELECT flow FROM runs WHERE seq = run),
  task, answer;

-- name: answer_due
UPDATE waits SET answer = ?2 WHERE seq IN (
  SELECT seq FROM waits INDEXED BY waits_due
  WHERE answer IS NULL AND upto IS NULL AND due_at IS NOT NULL AND due_at <= ?1
  ORDER BY due_at LIMIT ?3)
RETURNING (SELECT id FROM runs WHERE seq = run), (SELECT flow FROM runs WHERE seq = run), task;

-- name: next_due
SELECT due_at FROM waits INDEXED BY waits_due
WHERE answer IS NULL AND upto IS NULL AND due_at IS NOT NULL ORDER BY due_at LIMIT 1;

-- name: to_look
SELECT w.seq, r.event, w.wanted, w.first, w.upto
FROM waits w INDEXED BY waits_to_look JOIN runs r ON r.seq = w.run
WHERE w.upto IS NOT NULL ORDER BY w.seq LIMIT ?;

-- name: events_between
-- From a number to another, oldest first; of whatever type (?3 is null).
SELECT e.*, 0 AS duplicates FROM events e
WHERE e.seq BETWEEN ?1 AND ?2 AND ?3 IS NULL ORDER BY e.seq LIMIT ?4;

-- name: typed_events_between
SELECT e.*, 0 AS duplicates FROM events e INDEXED BY events_by_type
WHERE e.type = ?3 AND e.seq BETWEEN ?1 AND ?2 ORDER BY e.seq LIMIT ?4;

-- name: waits_of_run
SELECT task, kind, began_at, due_at, wanted, answer IS NOT NULL AND upto IS NULL FROM waits
WHERE run = (SELECT seq FROM runs WHERE id = ?) ORDER BY seq;

-- name: answers_of_runs
-- Of the runs whose numbers are in a JSON array: the answers that they have not taken yet.
SELECT w.run, w.task, w.answer FROM json_each(?) AS asked
JOIN waits w INDEXED BY waits_answered ON w.run = asked.value
WHERE w.answer IS NOT NULL AND w.upto IS NULL;

-- name: woken
-- Runs that have answers which they have not taken yet.
SELECT DISTINCT r.id, r.flow FROM waits w INDEXED BY waits_answered JOIN runs r ON r.seq = w.run
WHERE w.answer IS NOT NULL AND w.upto IS NULL ORDER BY r.seq;

-- name: cancelled_waiting
-- Runs that wait, which somebody has cancelled since they last began, and of which nothing has
-- ended by that yet.
SELECT r.id, r.flow, o.by FROM runs r JOIN operations o ON o.run = r.seq
WHERE r.state = 'waiting' AND o.what = 'cancel'
  AND NOT EXISTS (
    SELECT 1 FROM operations a WHERE a.run = r.seq AND a.what = 'retry' AND a.seq > o.seq)
  AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run = r.seq AND t.state = 'cancelled')
ORDER BY r.seq, o.seq;

-- name: runs_named
-- Of a JSON array of ids.
SELECT runs.* FROM json_each(?) AS asked JOIN runs ON runs.id = asked.value ORDER BY runs.seq;
