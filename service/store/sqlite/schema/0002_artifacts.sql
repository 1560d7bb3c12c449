-- Which rows name an artifact: asked before one is removed. A result is a msgpack map that
-- begins {"kind": "artifact", "body": bytes of length 64}; the 64 are the artifact's hash.
CREATE INDEX tasks_by_artifact ON tasks (substr(result, 23, 64))
  WHERE substr(result, 1, 22) = x'83a46b696e64a86172746966616374a4626f6479c440';
CREATE INDEX runs_by_artifact ON runs (substr(result, 23, 64))
  WHERE substr(result, 1, 22) = x'83a46b696e64a86172746966616374a4626f6479c440';
