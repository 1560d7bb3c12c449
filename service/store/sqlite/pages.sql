-- The pieces of lists: a head, the filters that were asked for, a tail.
--
-- Rows come in the order of `seq`, which times nearly follow: a time bounds `seq` by what is known
-- of whole hours, and of its own hour by an index, and is then compared itself. The `+` keeps SQLite
-- from sorting by time, or searching it all.

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
seq >= min(
  coalesce((SELECT min(first) FROM run_hours WHERE hour > :since / 3600000000), 9223372036854775807),
  coalesce((SELECT min(+seq) FROM runs WHERE created_at >= :since
    AND created_at < (:since / 3600000000 + 1) * 3600000000), 9223372036854775807)
) AND +created_at >= :since;

-- name: run_until
seq <= max(
  coalesce((SELECT max(last) FROM run_hours WHERE hour < :until / 3600000000), 0),
  coalesce((SELECT max(+seq) FROM runs WHERE created_at < :until
    AND created_at >= :until / 3600000000 * 3600000000), 0)
) AND +created_at < :until;

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
e.seq >= min(
  coalesce((SELECT min(first) FROM event_hours WHERE hour > :since / 3600000000), 9223372036854775807),
  coalesce((SELECT min(+seq) FROM events WHERE received_at >= :since
    AND received_at < (:since / 3600000000 + 1) * 3600000000), 9223372036854775807)
) AND +e.received_at >= :since;

-- name: event_until
e.seq <= max(
  coalesce((SELECT max(last) FROM event_hours WHERE hour < :until / 3600000000), 0),
  coalesce((SELECT max(+seq) FROM events WHERE received_at < :until
    AND received_at >= :until / 3600000000 * 3600000000), 0)
) AND +e.received_at < :until;

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

-- name: dead_runs
-- Failed runs that nobody has dealt with.
SELECT * FROM runs INDEXED BY runs_dead;

-- name: dead_runs_of_flow
SELECT * FROM runs INDEXED BY runs_dead_of_flow;

-- name: dead_run_only
state = 'failed' AND settled IS NULL;

-- name: dead_run_since
-- `seq` is bounded by the index of their times.
seq >= (SELECT min(+seq) FROM runs INDEXED BY runs_dead_by_time
  WHERE state = 'failed' AND settled IS NULL AND coalesce(finished_at, created_at) >= :since)
AND coalesce(finished_at, created_at) >= :since;

-- name: dead_run_until
seq <= (SELECT max(+seq) FROM runs INDEXED BY runs_dead_by_time
  WHERE state = 'failed' AND settled IS NULL AND coalesce(finished_at, created_at) < :until)
AND coalesce(finished_at, created_at) < :until;

-- name: dead_events
-- Events that could not start a flow. SQLite would rather go through all events of a time.
SELECT d.seq, d.event, d.subscription, d.flow, d.outcome, d.detail, e.received_at AS at
FROM dispositions d INDEXED BY dispositions_dead CROSS JOIN events e ON e.key = d.event;

-- name: dead_events_of_flow
SELECT d.seq, d.event, d.subscription, d.flow, d.outcome, d.detail, e.received_at AS at
FROM dispositions d INDEXED BY dispositions_dead_of_flow CROSS JOIN events e ON e.key = d.event;

-- name: dead_event_only
d.outcome IN ('dead-lettered', 'error');

-- name: dead_event_before
d.seq < :before;

-- name: dead_event_flow
d.flow = :flow;

-- name: dead_event_since
e.received_at >= :since;

-- name: dead_event_until
e.received_at < :until;

-- name: newest_dead_events
ORDER BY d.seq DESC LIMIT :limit;

-- name: outbox
SELECT * FROM outbox;

-- name: outbox_before
seq < :before;

-- name: outbox_state
state = :state;

-- name: outbox_any_state
-- By another index than that of states, in which most messages stand together.
+state = :state;

-- name: outbox_flow
flow = :flow;

-- name: outbox_any_flow
+flow = :flow;

-- name: outbox_target
target = :target;

-- name: outbox_any_target
+target = :target;

-- name: outbox_kind
kind = :kind;

-- name: outbox_any_kind
+kind = :kind;

-- name: newest_messages
ORDER BY seq DESC LIMIT :limit;

-- name: searched
-- A search looks at so many events, and at so many bytes of their data: which of them fit.
WITH walked AS (
  SELECT n, at, size, sum(size) OVER (ORDER BY n DESC ROWS UNBOUNDED PRECEDING) AS total FROM (
    SELECT e.seq AS n, e.received_at AS at, length(e.data) AS size FROM events e;

-- name: searched_subjects
-- The same where few events have such a subject.
WITH walked AS (
  SELECT n, at, size, sum(size) OVER (ORDER BY n DESC ROWS UNBOUNDED PRECEDING) AS total FROM (
    SELECT e.seq AS n, e.received_at AS at, length(e.data) AS size
    FROM (
      SELECT seq AS s FROM events INDEXED BY events_by_subject
      WHERE subject >= :subject AND subject < :subject_end
    ) CROSS JOIN events e ON e.seq = s;

-- name: searched_fitting
    ORDER BY e.seq DESC LIMIT :examine))
SELECT
  (SELECT count(*) FROM walked) AS walked,
  count(*) AS examined,
  min(n) AS oldest,
  min(at) AS searched_to,
  json_group_array(n) FILTER (WHERE fits) AS fitting
FROM (
  SELECT n, at,
    (:type IS NULL OR e.type = :type)
    AND (:subject IS NULL OR substr(e.subject, 1, length(:subject)) = :subject)
    AND (:text IS NULL OR CAST(e.data AS TEXT) LIKE :text ESCAPE '\') AS fits
  FROM walked JOIN events e ON e.seq = n
  WHERE total - size < :examine_bytes
);
