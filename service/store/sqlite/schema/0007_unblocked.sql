-- A run is `unblocked` while it waits for no other run of its key: always, where it holds none.
-- Triggers keep it, so that whatever makes a run hold its key or let it go need not think of it.
ALTER TABLE runs ADD COLUMN unblocked INTEGER NOT NULL DEFAULT 1;

UPDATE runs SET unblocked = 0 WHERE holds = 1 AND seq != (
  SELECT first.seq FROM runs AS first
  WHERE first.flow = runs.flow AND first.order_key = runs.order_key AND first.holds = 1
  ORDER BY coalesce(first.place, first.seq) LIMIT 1
);

CREATE TRIGGER run_joins AFTER INSERT ON runs WHEN new.holds = 1 BEGIN
  UPDATE runs SET unblocked = 0 WHERE seq = new.seq AND EXISTS (
    SELECT 1 FROM runs AS other
    WHERE other.flow = new.flow AND other.order_key = new.order_key AND other.holds = 1
      AND other.seq != new.seq
  );
END;

-- A run takes a place among those of its key, perhaps before them; one under way is first still.
CREATE TRIGGER run_takes_place AFTER UPDATE OF holds ON runs
WHEN new.holds = 1 AND old.holds = 0 BEGIN
  UPDATE runs SET unblocked = seq = (
    SELECT first.seq FROM runs AS first
    WHERE first.flow = new.flow AND first.order_key = new.order_key AND first.holds = 1
    ORDER BY first.state NOT IN ('running', 'waiting'), coalesce(first.place, first.seq) LIMIT 1
  )
  WHERE flow = new.flow AND order_key = new.order_key AND holds = 1;
END;

CREATE TRIGGER run_lets_go AFTER UPDATE OF holds ON runs
WHEN new.holds = 0 AND old.holds = 1 AND old.unblocked = 1 BEGIN
  UPDATE runs SET unblocked = 1 WHERE seq = (
    SELECT first.seq FROM runs AS first
    WHERE first.flow = new.flow AND first.order_key = new.order_key AND first.holds = 1
    ORDER BY coalesce(first.place, first.seq) LIMIT 1
  );
END;

DROP INDEX runs_keyless;
CREATE INDEX runs_ready ON runs (flow, coalesce(place, seq))
WHERE state = 'queued' AND unblocked = 1;
