-- The pieces of lists: a head, the filters that were asked for, a tail.
--
-- Rows come in the order of `seq`, which times nearly follow: a time bounds `seq` by its index
-- and is then compared itself. The `+` keeps SQLite from sorting by time, or searching it all.

-- name: runs
SELECT * FROM runs;

-- name: run_before
seq < :before;

-- name: run_flow
flow = :flow;

-- name: run_state
state = :state;

-- name: run_event
event = :event;

-- name: run_tag
seq IN (SELECT run FROM run_tags WHERE tag = :tag);

-- name: run_since
seq >= (SELECT min(+seq) FROM runs WHERE created_at >= :since) AND +created_at >= :since;

-- name: run_until
seq <= (SELECT max(+seq) FROM runs WHERE created_at < :until) AND +created_at < :until;

-- name: newest_runs
ORDER BY seq DESC LIMIT :limit;

-- name: events
SELECT e.*, coalesce(i.duplicates, 0) AS duplicates FROM events e
LEFT JOIN identities i ON i.source = e.source AND i.id = e.id;

-- name: event_before
e.seq < :before;

-- name: event_type
e.type = :type;

-- name: event_source
e.source = :source;

-- name: event_since
e.seq >= (SELECT min(+seq) FROM events WHERE received_at >= :since) AND +e.received_at >= :since;

-- name: event_until
e.seq <= (SELECT max(+seq) FROM events WHERE received_at < :until) AND +e.received_at < :until;

-- name: newest_events
ORDER BY e.seq DESC LIMIT :limit;

-- name: dead
-- By its own index: SQLite would rather find the dead by their state, and sort them all.
SELECT * FROM outbox INDEXED BY outbox_dead;

-- name: dead_only
state = 'dead';

-- name: dead_before
(dead_at, id) < (:before_at, :before_id);

-- name: dead_flow
flow = :flow;

-- name: dead_target
target = :target;

-- name: dead_since
dead_at >= :since;

-- name: dead_until
dead_at < :until;

-- name: newest_dead
ORDER BY dead_at DESC, id DESC LIMIT :limit;
