-- The flows that serve, and those that did until they were removed: what a start falls back on
-- when a file is broken. And versions are looked for by their own name.
CREATE TABLE served (
  flow TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  file TEXT NOT NULL,
  at INTEGER NOT NULL,
  removed_at INTEGER
) WITHOUT ROWID;

CREATE INDEX versions_by_name ON versions (version);
