-- What pages show of a million rows without counting them: triggers keep the counts, so that
-- whatever changes a row need not think of them.

-- How many runs of a flow are in a state. A row that has come down to 0 may stay.
CREATE TABLE run_counts (
  flow TEXT NOT NULL,
  state TEXT NOT NULL,
  runs INTEGER NOT NULL,
  PRIMARY KEY (flow, state)
) WITHOUT ROWID;
INSERT INTO run_counts SELECT flow, state, count(*) FROM runs GROUP BY flow, state;

-- How the runs of a flow have ended, by the day (UTC, since 1970) on which they were made. They
-- outlive the runs, for 400 days.
CREATE TABLE run_days (
  flow TEXT NOT NULL,
  day INTEGER NOT NULL,
  state TEXT NOT NULL,
  runs INTEGER NOT NULL,
  PRIMARY KEY (flow, day, state)
) WITHOUT ROWID;
INSERT INTO run_days SELECT flow, created_at / 86400000000, state, count(*) FROM runs
WHERE state IN ('succeeded', 'failed', 'cancelled', 'superseded') GROUP BY 1, 2, 3;

CREATE TRIGGER run_day_is_old AFTER INSERT ON run_days BEGIN
  DELETE FROM run_days WHERE flow = new.flow AND day < new.day - 400;
END;

-- The numbers that the runs and events of an hour (UTC, since 1970) have: times nearly follow
-- numbers, and this says how nearly.
CREATE TABLE run_hours (
  hour INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  runs INTEGER NOT NULL
);
INSERT INTO run_hours
SELECT created_at / 3600000000, min(seq), max(seq), count(*) FROM runs GROUP BY 1;

CREATE TABLE event_hours (
  hour INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  events INTEGER NOT NULL
);
INSERT INTO event_hours
SELECT received_at / 3600000000, min(seq), max(seq), count(*) FROM events GROUP BY 1;

CREATE TRIGGER run_is_counted AFTER INSERT ON runs BEGIN
  INSERT INTO run_counts VALUES (new.flow, new.state, 1)
  ON CONFLICT (flow, state) DO UPDATE SET runs = runs + 1;
  INSERT INTO run_hours VALUES (new.created_at / 3600000000, new.seq, new.seq, 1)
  ON CONFLICT (hour) DO UPDATE SET
    first = min(first, excluded.first), last = max(last, excluded.last), runs = runs + 1;
END;

CREATE TRIGGER run_changes_state AFTER UPDATE OF state ON runs WHEN new.state != old.state BEGIN
  UPDATE run_counts SET runs = runs - 1 WHERE flow = old.flow AND state = old.state;
  INSERT INTO run_counts VALUES (new.flow, new.state, 1)
  ON CONFLICT (flow, state) DO UPDATE SET runs = runs + 1;
END;

CREATE TRIGGER run_ends AFTER UPDATE OF state ON runs
WHEN new.state != old.state AND new.state IN ('succeeded', 'failed', 'cancelled', 'superseded')
BEGIN
  INSERT INTO run_days VALUES (new.flow, new.created_at / 86400000000, new.state, 1)
  ON CONFLICT (flow, day, state) DO UPDATE SET runs = runs + 1;
END;

-- It is retried, or counts as something else.
CREATE TRIGGER run_had_ended AFTER UPDATE OF state ON runs
WHEN new.state != old.state AND old.state IN ('succeeded', 'failed', 'cancelled', 'superseded')
BEGIN
  UPDATE run_days SET runs = runs - 1
  WHERE flow = old.flow AND day = old.created_at / 86400000000 AND state = old.state;
END;

CREATE TRIGGER run_is_gone AFTER DELETE ON runs BEGIN
  UPDATE run_counts SET runs = runs - 1 WHERE flow = old.flow AND state = old.state;
  DELETE FROM run_counts WHERE flow = old.flow AND state = old.state AND runs = 0;
  UPDATE run_hours SET runs = runs - 1 WHERE hour = old.created_at / 3600000000;
  DELETE FROM run_hours WHERE hour = old.created_at / 3600000000 AND runs = 0;
END;

CREATE TRIGGER event_is_counted AFTER INSERT ON events BEGIN
  INSERT INTO event_hours VALUES (new.received_at / 3600000000, new.seq, new.seq, 1)
  ON CONFLICT (hour) DO UPDATE SET
    first = min(first, excluded.first), last = max(last, excluded.last), events = events + 1;
END;

CREATE TRIGGER event_is_gone AFTER DELETE ON events BEGIN
  UPDATE event_hours SET events = events - 1 WHERE hour = old.received_at / 3600000000;
  DELETE FROM event_hours WHERE hour = old.received_at / 3600000000 AND events = 0;
END;

-- Messages by state; and their kind as a column, since it is asked for.
CREATE TABLE outbox_counts (
  state TEXT PRIMARY KEY,
  messages INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO outbox_counts SELECT state, count(*) FROM outbox GROUP BY state;

-- A message is a msgpack map that begins {"id": ..., "kind": ...}.
ALTER TABLE outbox ADD COLUMN kind TEXT NOT NULL DEFAULT '';
UPDATE outbox SET kind = CASE
  WHEN instr(substr(message, 1, 128), x'a46b696e64a7776562686f6f6b') THEN 'webhook'
  WHEN instr(substr(message, 1, 128), x'a46b696e64a56b61666b61') THEN 'kafka'
  WHEN instr(substr(message, 1, 128), x'a46b696e64a5656d61696c') THEN 'email'
  ELSE ''
END;

CREATE TRIGGER message_is_counted AFTER INSERT ON outbox BEGIN
  INSERT INTO outbox_counts VALUES (new.state, 1)
  ON CONFLICT (state) DO UPDATE SET messages = messages + 1;
END;

CREATE TRIGGER message_changes_state AFTER UPDATE OF state ON outbox WHEN new.state != old.state
BEGIN
  UPDATE outbox_counts SET messages = messages - 1 WHERE state = old.state;
  INSERT INTO outbox_counts VALUES (new.state, 1)
  ON CONFLICT (state) DO UPDATE SET messages = messages + 1;
END;

CREATE TRIGGER message_is_gone AFTER DELETE ON outbox BEGIN
  UPDATE outbox_counts SET messages = messages - 1 WHERE state = old.state;
END;

CREATE INDEX outbox_by_kind ON outbox (kind);
CREATE INDEX outbox_by_target ON outbox (target);
CREATE INDEX outbox_by_flow ON outbox (flow);

-- The last runs of a flow that have ended; what has failed of late; dead letters of one flow, or
-- of a time.
CREATE INDEX runs_ended ON runs (flow, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_failed ON runs (finished_at) WHERE state = 'failed';
CREATE INDEX runs_dead_of_flow ON runs (flow) WHERE state = 'failed' AND settled IS NULL;
CREATE INDEX runs_dead_by_time ON runs (coalesce(finished_at, created_at))
  WHERE state = 'failed' AND settled IS NULL;
CREATE INDEX dispositions_dead_of_flow ON dispositions (flow)
  WHERE outcome IN ('dead-lettered', 'error');

CREATE INDEX events_by_subject ON events (subject) WHERE subject IS NOT NULL;

-- The tasks of a run without the items of its maps, which may be ten thousand.
CREATE INDEX tasks_apart ON tasks (run) WHERE map IS NULL;
CREATE INDEX tasks_failed_items ON tasks (run, map) WHERE map IS NOT NULL AND state = 'failed';
