-- [tenant] Adds an endpoint. No row: the platform has as many as it may have.
-- $1 id uuid
-- $2 url
-- $3 description or null
-- $4 subscribed event types, JSON array
-- $5 signing secret secret, row_id = $1
-- $6 most endpoints of a platform
-- $7 actor
-- -> body
WITH w AS (
  INSERT INTO webhook AS w (id, url, description, events, secret_sealed)
  SELECT $1::uuid, $2, coalesce($3, ''),
    ARRAY(SELECT DISTINCT jsonb_array_elements_text($4::jsonb) ORDER BY 1), $5::bytea
  WHERE (SELECT count(*) FROM webhook WHERE platform_id = tenant()) < $6::bigint
  RETURNING webhook_json(w) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $7, 'webhook.create', $1 FROM w
)
SELECT body::text AS body FROM w
