-- Every statement that changes something, named and described.

-- name: add_identity
-- Claims (source, id); changes nothing when it is known.
INSERT INTO identities (source, id, event, first_at, last_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (source, id) DO NOTHING;

-- name: newest_identity
SELECT max(seq) FROM identities;

-- name: identity
SELECT seq FROM identities WHERE source = ? AND id = ?;

-- name: count_duplicate
-- The identity came again; returns the event it belongs to.
UPDATE identities SET duplicates = duplicates + 1, last_at = ?3
WHERE source = ?1 AND id = ?2 RETURNING event;

-- name: add_event
INSERT INTO events (
  key, id, source, type, subject, time, received_at, content_type, dataschema,
  headers, extensions, data_kind, data, catalog
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_disposition
INSERT INTO dispositions (event, subscription, flow, outcome, detail, run)
VALUES (?, ?, ?, ?, ?, ?);

-- name: add_run
INSERT INTO runs (
  id, flow, version, subscription, state, event, params, lineage, created_at, order_key, holds,
  parks
) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?);

-- name: open_run
-- A run of a flow that has not ended.
SELECT id FROM runs WHERE flow = ? AND state IN ('queued', 'running', 'waiting') LIMIT 1;

-- name: open_run_of_key
-- The same of a key, where none of its runs parks.
SELECT id FROM runs WHERE flow = ? AND holds = 1 AND order_key = ? LIMIT 1;

-- name: add_claim
INSERT INTO claims (event, claim, state) VALUES (?, ?, 'open');

-- name: put_position
INSERT INTO positions (sensor, key, value) VALUES (?, ?, ?)
ON CONFLICT (sensor, key) DO UPDATE SET value = excluded.value;

-- name: drop_position
DELETE FROM positions WHERE sensor = ? AND key = ?;

-- name: add_dead_record
INSERT INTO dead_records (source, id, reason, payload, headers, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (source, id) DO NOTHING;

-- name: fence
-- Given [[run, epoch], ...]: [place, seq, event] of each whose epoch is the run's current one
-- and whose run has not ended. One row of JSON, so that it is one step.
SELECT json_group_array(json_array(asked.key, runs.seq, runs.event))
FROM json_each(?) AS asked
JOIN runs
  ON runs.id = json_extract(asked.value, '$[0]') AND runs.epoch = json_extract(asked.value, '$[1]')
WHERE runs.state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded');

-- name: change_run
-- Null leaves a column as it is. The columns of `told`: seq, state, started_at, finished_at,
-- result, error.
UPDATE runs SET
  state = coalesce(told.column2, state),
  started_at = coalesce(started_at, told.column3),
  finished_at = coalesce(told.column4, finished_at),
  result = coalesce(told.column5, result),
  error = coalesce(told.column6, error),
  holds = holds AND coalesce(told.column2, '') NOT IN ('succeeded', 'cancelled', 'superseded')
    AND (parks OR coalesce(told.column2, '') != 'failed')
FROM (VALUES (?, ?, ?, ?, ?, ?)) AS told
WHERE runs.seq = told.column1;

-- name: put_task
INSERT INTO tasks (
  run, name, map, state, attempt, started_at, finished_at, due_at, result, error, items, progress,
  cache_key, cached_from
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, name) DO UPDATE SET
  state = excluded.state, attempt = max(attempt, excluded.attempt),
  started_at = excluded.started_at,
  finished_at = excluded.finished_at, due_at = excluded.due_at, result = excluded.result,
  error = excluded.error, items = coalesce(excluded.items, items),
  progress = CASE WHEN excluded.attempt = tasks.attempt
    THEN coalesce(excluded.progress, tasks.progress) ELSE excluded.progress END,
  cache_key = excluded.cache_key, cached_from = excluded.cached_from;

-- name: add_attempt
INSERT INTO attempts (run, task, attempt, started_at, finished_at, error)
VALUES (?, ?, ?, ?, ?, ?);

-- name: add_artifact
INSERT INTO artifacts (run, task, name, digest, media_type, size, at)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: add_message
-- The id is stable: a message that was committed before is not sent a second time.
INSERT INTO outbox (id, run, flow, message, target, key, kind, state, created_at, due_at)
VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: put_state
INSERT INTO flow_state (flow, key, value) VALUES (?, ?, ?)
ON CONFLICT (flow, key) DO UPDATE SET value = excluded.value;

-- name: state_value
SELECT value FROM flow_state WHERE flow = ? AND key = ?;

-- name: drop_state
DELETE FROM flow_state WHERE flow = ? AND key = ?;

-- name: runs_of_event
-- Those that it has started: somebody may have asked for others on it.
SELECT run FROM dispositions WHERE event = ? AND run IS NOT NULL ORDER BY seq;

-- name: event_is_there
SELECT 1 FROM events WHERE key = ?;

-- name: open_claims
-- Those of the given events (a JSON array) that have an open claim, as a JSON array.
SELECT json_group_array(claims.event) FROM claims
WHERE claims.state = 'open' AND claims.event IN (SELECT value FROM json_each(?));

-- name: unfinished_of_event
-- How many runs of an event have not ended, and how many have failed. A failed run that was
-- redriven has another one in its place.
SELECT
  count(*) FILTER (WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded')),
  count(*) FILTER (WHERE state = 'failed' AND settled IS NOT 'redriven')
FROM runs WHERE event = ?;

-- name: claim_due
UPDATE claims SET state = 'due', failed = ?2 WHERE event = ?1 AND state = 'open';

-- name: drop_claim
DELETE FROM claims WHERE event = ?;

-- name: event_moved
UPDATE events SET moved_to = ?2 WHERE key = ?1;

-- name: message_result
UPDATE outbox SET
  state = ?2, attempts = ?3, due_at = coalesce(?4, due_at), error = ?5,
  delivered_at = CASE WHEN ?2 = 'delivered' THEN ?6 END,
  dead_at = CASE WHEN ?2 = 'dead' THEN ?6 END,
  redriven_at = coalesce(?7, redriven_at)
WHERE id = ?1 AND state = 'pending';

-- name: redrive_message
-- Its `seq`, and so its place in the line of its key, stays.
UPDATE outbox SET
  state = 'pending', attempts = 0, due_at = ?2, redriven_at = ?2, dead_at = NULL
WHERE id = ?1 AND state = 'dead' RETURNING target;

-- name: skip_message
UPDATE outbox SET state = 'skipped' WHERE id = ?1 AND state = 'dead';

-- name: bring_forward
UPDATE outbox SET due_at = ?2 WHERE target = ?1 AND state = 'pending' AND due_at > ?2;

-- name: disable_endpoint
INSERT INTO endpoints (target, reason, disabled_at) VALUES (?, ?, ?)
ON CONFLICT (target) DO NOTHING;

-- name: enable_endpoint
DELETE FROM endpoints WHERE target = ?;

-- name: add_version
INSERT INTO versions (flow, version, file, sources, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (flow, version) DO NOTHING;

-- name: add_catalog
INSERT INTO catalogs (id, body, at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING;

-- name: put_served
INSERT INTO served (flow, version, file, at, removed_at) VALUES (?1, ?2, ?3, ?4, NULL)
ON CONFLICT (flow) DO UPDATE SET
  at = CASE WHEN version = ?2 AND removed_at IS NULL THEN at ELSE ?4 END,
  version = ?2, file = ?3, removed_at = NULL;

-- name: remove_served
-- All but those in a JSON list of names.
UPDATE served SET removed_at = ?2
WHERE removed_at IS NULL AND flow NOT IN (SELECT value FROM json_each(?1));

-- name: pause_flow
INSERT INTO paused (flow, at) VALUES (?, ?) ON CONFLICT (flow) DO NOTHING;

-- name: resume_flow
DELETE FROM paused WHERE flow = ?;

-- name: pause_sensor
INSERT INTO paused_sensors (sensor, at) VALUES (?, ?) ON CONFLICT (sensor) DO NOTHING;

-- name: resume_sensor
DELETE FROM paused_sensors WHERE sensor = ?;

-- name: claim_run
-- Takes a run that has not ended: whoever held it before is fenced off.
UPDATE runs SET epoch = epoch + 1, owner = ?2
WHERE id = ?1 AND state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded')
RETURNING epoch;

-- name: crashed
-- The daemon crashed while these runs (a JSON array of ids) were under way.
UPDATE runs SET crashes = crashes + 1
WHERE id IN (SELECT value FROM json_each(?))
  AND state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded');

-- name: dead_letter
-- The run ?1 if it is a dead letter, and in epoch ?2 if one is given.
SELECT event, order_key, coalesce(place, seq), holds FROM runs
WHERE id = ?1 AND (?2 IS NULL OR epoch = ?2) AND state = 'failed' AND settled IS NULL;

-- name: settle_run
-- A dead letter is one no more: ?2 is redriven or skipped. Whoever has looked at it before, and
-- knows it as one that held its key, is fenced off.
UPDATE runs SET settled = ?2, holds = 0, epoch = epoch + 1 WHERE id = ?1;

-- name: in_the_place
-- The run ?1 goes in the place of ?2, before all that wait for the same key, if it has one.
UPDATE runs SET redrive_of = ?2, order_key = ?3, holds = ?3 IS NOT NULL,
  place = iif(?3 IS NULL, NULL, ?4)
WHERE id = ?1;

-- name: redrives
-- The run ?1 is for ?2, which held no key any more: it goes behind those that wait.
UPDATE runs SET redrive_of = ?2 WHERE id = ?1;

-- name: retry_run
-- The run ?1, which has ended and is in epoch ?2, begins again as if it had not. It takes its
-- key again: where it holds it no more behind all that hold it, but before what comes later.
UPDATE runs SET
  state = 'queued', epoch = epoch + 1, retried = retried + 1, started_at = NULL,
  finished_at = NULL, result = NULL, error = NULL, settled = NULL, crashes = 0,
  place = CASE WHEN order_key IS NULL OR holds = 1 THEN place ELSE max(
    (SELECT max(seq) FROM runs),
    coalesce((SELECT max(coalesce(o.place, o.seq)) FROM runs o
      WHERE o.flow = runs.flow AND o.order_key = runs.order_key AND o.holds = 1), 0)
  ) + 1.0 / 1048576 END,
  holds = order_key IS NOT NULL
WHERE id = ?1 AND epoch = ?2 AND settled IS NOT 'redriven'
  AND state IN ('succeeded', 'failed', 'cancelled', 'superseded')
RETURNING seq, event;

-- name: begin_anew
-- Of the run ?1 the tasks of these names (a JSON array): their attempts go on counting.
UPDATE tasks SET
  state = 'pending', earlier = attempt, started_at = NULL, finished_at = NULL, due_at = NULL,
  result = NULL, error = NULL, items = NULL, progress = NULL
WHERE run = ?1 AND name IN (SELECT value FROM json_each(?2));

-- name: touch_ended
-- The run ?1, which has ended and is in epoch ?2, is in its next one.
UPDATE runs SET epoch = epoch + 1
WHERE id = ?1 AND epoch = ?2 AND state IN ('succeeded', 'failed', 'cancelled', 'superseded')
RETURNING seq;

-- name: mark_run
-- The run ?1, which has ended and is in epoch ?2, is to count as ?3.
UPDATE runs SET epoch = epoch + 1, state = ?3, error = ?4, settled = NULL, holds = 0
WHERE id = ?1 AND epoch = ?2 AND settled IS NOT 'redriven'
  AND state IN ('succeeded', 'failed', 'cancelled', 'superseded');

-- name: tags_of_run
SELECT seq, tags FROM runs WHERE id = ?;

-- name: annotate_run
UPDATE runs SET note = coalesce(?2, note), tags = ?3 WHERE seq = ?1;

-- name: drop_tags
DELETE FROM run_tags WHERE run = ?;

-- name: add_tags
-- Of the run ?1 those of a JSON array.
INSERT INTO run_tags (run, tag) SELECT ?1, value FROM json_each(?2);

-- name: claim_open
-- A file that is not moved yet waits for the end of the run again.
UPDATE claims SET state = 'open' WHERE event = ? AND state = 'due';

-- name: operation_of_key
SELECT 1 FROM operations WHERE run = (SELECT seq FROM runs WHERE id = ?) AND key = ?;

-- name: add_operation
-- Of the run ?1; then at, by, what, detail, key.
INSERT INTO operations (run, at, by, what, detail, key)
SELECT seq, ?2, ?3, ?4, ?5, ?6 FROM runs WHERE id = ?1;

-- name: settle_disposition
-- An event that could not start its flow (?1 event, ?2 subscription) is dealt with.
UPDATE dispositions SET outcome = ?3, detail = ?4, run = ?5
WHERE event = ?1 AND subscription = ?2 AND outcome IN ('dead-lettered', 'error');

-- name: skip_record
DELETE FROM dead_records WHERE seq = ?;

-- name: redriven_disposition
UPDATE dispositions SET run = ?3, detail = ?4 WHERE event = ?1 AND run = ?2;

-- name: put_meta
INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING;

-- name: add_backfill
INSERT INTO backfills (id, flow, state, asked, key, created_at) VALUES (?, ?, 'running', ?, ?, ?)
ON CONFLICT (key) DO NOTHING RETURNING seq;

-- name: add_tick
INSERT INTO backfill_ticks (backfill, due, start, state, redo, detail) VALUES (?, ?, ?, ?, ?, ?);

-- name: pending_tick
-- The row of a tick that is still to be filled.
SELECT t.seq FROM backfill_ticks t JOIN backfills b ON b.seq = t.backfill
WHERE b.id = ?1 AND t.due = ?2 AND t.state = 'pending' AND b.state = 'running';

-- name: newest_run_of_tick
-- ?1 flow, ?2 source, ?3 id of the first event of the tick; later ones have that id and `#...`.
SELECT r.id, r.state, r.epoch FROM identities i JOIN runs r ON r.event = i.event AND r.flow = ?1
WHERE i.source = ?2 AND i.id >= ?3 AND i.id < ?3 || '$'
ORDER BY r.seq DESC LIMIT 1;

-- name: change_tick
UPDATE backfill_ticks SET state = ?2, run = coalesce(?3, run), detail = coalesce(?4, detail)
WHERE seq = ?1;

-- name: settle_tick
UPDATE backfill_ticks SET state = ?3
WHERE backfill = (SELECT seq FROM backfills WHERE id = ?1) AND due = ?2 AND state = 'running';

-- name: cancel_backfill
UPDATE backfills SET state = 'cancelled' WHERE id = ?1 AND state = 'running' RETURNING seq;

-- name: cancel_ticks
UPDATE backfill_ticks SET state = 'cancelled', detail = 'the backfill was cancelled'
WHERE backfill = ? AND state = 'pending';

-- name: end_backfill
-- If nothing of it is pending or running.
UPDATE backfills SET
  finished_at = ?2,
  state = CASE WHEN state = 'cancelled' THEN state
    WHEN EXISTS (SELECT 1 FROM backfill_ticks t WHERE t.backfill = backfills.seq
      AND t.state IN ('failed', 'cancelled', 'superseded')) THEN 'failed'
    ELSE 'succeeded' END
WHERE id = ?1 AND finished_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM backfill_ticks t
  WHERE t.backfill = backfills.seq AND t.state IN ('pending', 'running'));

-- name: drop_backfill
-- One that ended before; its ticks go with it.
DELETE FROM backfills WHERE seq = (
  SELECT seq FROM backfills WHERE finished_at < ? AND seq < (SELECT max(seq) FROM backfills)
  ORDER BY seq LIMIT 1);
