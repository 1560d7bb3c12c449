-- Sensors that somebody has paused, by id; they stay so over restarts and reloads.
CREATE TABLE paused_sensors (sensor TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
