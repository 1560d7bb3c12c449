-- Queued runs that hold no key, by flow: many may wait behind a failed run of their key.
CREATE INDEX runs_keyless ON runs (flow) WHERE state = 'queued' AND holds = 0;
