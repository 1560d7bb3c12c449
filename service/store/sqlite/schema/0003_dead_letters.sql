-- Order by key, dead letters of runs, and runs under way when the daemon crashed.

-- Runs of one (flow, order_key) go one after the other. A run `holds` its key until it has
-- ended well: a failed one holds it until it is redriven or skipped.
ALTER TABLE runs ADD COLUMN order_key TEXT;
ALTER TABLE runs ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
-- The number of the run whose place in the order this one takes; its own where null.
ALTER TABLE runs ADD COLUMN place INTEGER;

-- What an operator did about a failed run: redriven, skipped. Null: it is a dead letter.
ALTER TABLE runs ADD COLUMN settled TEXT;
ALTER TABLE runs ADD COLUMN redrive_of TEXT;

-- How many times the daemon crashed while this run was under way.
ALTER TABLE runs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;

CREATE INDEX runs_in_order ON runs (flow, order_key, coalesce(place, seq)) WHERE holds = 1;
CREATE INDEX runs_dead ON runs (seq) WHERE state = 'failed' AND settled IS NULL;
CREATE INDEX dispositions_dead ON dispositions (seq) WHERE outcome IN ('dead-lettered', 'error');
