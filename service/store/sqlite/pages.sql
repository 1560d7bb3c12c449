-- The pieces of lists: a head, the filters that were asked for, a tail.

-- name: runs
SELECT * FROM runs;

-- name: run_before
seq < ?;

-- name: run_flow
flow = ?;

-- name: run_state
state = ?;

-- name: run_event
event = ?;

-- name: run_since
created_at >= ?;

-- name: run_until
created_at < ?;

-- name: newest_runs
ORDER BY seq DESC LIMIT ?;

-- name: events
SELECT e.*, coalesce(i.duplicates, 0) AS duplicates FROM events e
LEFT JOIN identities i ON i.source = e.source AND i.id = e.id;

-- name: event_before
e.seq < ?;

-- name: event_type
e.type = ?;

-- name: event_source
e.source = ?;

-- name: event_since
e.received_at >= ?;

-- name: event_until
e.received_at < ?;

-- name: newest_events
ORDER BY e.seq DESC LIMIT ?;
