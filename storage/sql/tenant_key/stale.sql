-- [internal] Data keys that an older master key wraps.
-- $1 kek_id of the newest master key
-- $2 limit
-- -> id, platform_id or null, kek_id, wrapped bytea
SELECT id, platform_id, kek_id, wrapped FROM tenant_key WHERE kek_id <> $1 ORDER BY id
  LIMIT $2::bigint
