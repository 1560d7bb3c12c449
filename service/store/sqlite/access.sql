-- Tokens and the audit log.

-- name: add_token
INSERT INTO tokens (id, name, digest, scopes, created_at, created_by, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING;

-- name: revoke_token
UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL;

-- name: token_used
UPDATE tokens SET used_at = ?2 WHERE id = ?1 AND coalesce(used_at, 0) < ?2;

-- name: tokens
SELECT id, name, digest, scopes, created_at, created_by, expires_at, used_at, revoked_at
FROM tokens ORDER BY seq;

-- name: did
INSERT INTO audit (at, who, token, address, action, target, status) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: prune_audit
-- The newest row stays: its number must not be given again.
DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)
  AND seq < (SELECT max(seq) FROM audit);

-- name: audit
-- Newest first; before a number, by somebody, of one action, in a time.
SELECT seq, at, who, token, address, action, target, status FROM audit
WHERE seq < coalesce(?2, 9223372036854775807)
  AND (?3 IS NULL OR who = ?3) AND (?4 IS NULL OR action = ?4)
  AND at >= coalesce(?5, 0) AND at < coalesce(?6, 9223372036854775807)
ORDER BY seq DESC LIMIT ?1;
