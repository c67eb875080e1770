-- [tenant] Adds an endpoint. Once per operation. No row: the platform has as many as it may have.
-- $1 id uuid
-- $2 url
-- $3 description or null
-- $4 subscribed event types, JSON array
-- $5 signing secret secret, row_id = $1
-- $6 most endpoints of a platform
-- $7 actor
-- $8 operation uuid of a keyed request, or null
-- $9 digest of what it asks for, or null
-- -> code (ok, mismatch), body, id, secret
WITH o AS MATERIALIZED (
  SELECT * FROM operation_begin($8::uuid, $9, $5::bytea)
), w AS (
  INSERT INTO webhook AS w (id, url, description, events, secret_sealed)
  SELECT $1::uuid, $2, coalesce($3, ''),
    ARRAY(SELECT DISTINCT jsonb_array_elements_text($4::jsonb) ORDER BY 1), $5::bytea
  FROM o WHERE o.code = 'new'
    AND (SELECT count(*) FROM webhook WHERE platform_id = tenant()) < $6::bigint
  RETURNING webhook_json(w) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $7, 'webhook.create', $1 FROM w
), x AS (
  SELECT 'ok' AS code, operation_end($8::uuid, body) AS gave, $5::bytea AS secret_sealed FROM w
  UNION ALL
  SELECT code, gave, secret_sealed FROM o WHERE code <> 'new'
)
SELECT code, gave::text AS body, (gave->>'id')::uuid AS id, secret_sealed FROM x
