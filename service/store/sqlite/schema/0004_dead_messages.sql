-- Dead messages can be listed, redriven and skipped; endpoints that want nothing more.
-- `dead_at`: when a message became a dead letter. `redriven_at`: when it was last given a new
-- life: the time after which a message is given up counts from there.
ALTER TABLE outbox ADD COLUMN dead_at INTEGER;
ALTER TABLE outbox ADD COLUMN redriven_at INTEGER;
UPDATE outbox SET dead_at = max(created_at, due_at) WHERE state = 'dead';
CREATE INDEX outbox_dead ON outbox (dead_at, id) WHERE state = 'dead';
CREATE INDEX outbox_pending_by_target ON outbox (target) WHERE state = 'pending';

-- Targets that have answered 410 Gone: nothing is sent to them until an operator redrives.
CREATE TABLE endpoints (
  target TEXT PRIMARY KEY,
  disabled_at INTEGER NOT NULL,
  reason TEXT NOT NULL
) WITHOUT ROWID;
