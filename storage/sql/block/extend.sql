-- [tenant] Lets blocks live longer, since calls that they pay are still under way.
-- $1 block ids, as an array literal of uuids
-- $2 ttl_ms from now
-- -> extended
WITH w AS (
  SELECT platform_id FROM wallet WHERE platform_id = tenant() FOR UPDATE
), b AS (
  UPDATE hold h SET expires_at = greatest(h.expires_at, in_ms($2::bigint)) FROM w
  WHERE h.platform_id = w.platform_id AND h.id = ANY ($1::uuid[]) AND h.kind = 'block'
    AND h.status = 'P'
  RETURNING h.id
)
SELECT count(*) AS extended FROM b
