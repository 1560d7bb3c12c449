-- Runs that exclude each other per key: one that `parks` holds its key after it has failed,
-- until it is redriven or skipped; others let it go however they end.
ALTER TABLE runs ADD COLUMN parks INTEGER NOT NULL DEFAULT 1;
