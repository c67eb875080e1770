-- [tenant] Deletes an endpoint with its deliveries. No row: unknown.
-- $1 id uuid
-- $2 actor
-- -> id
WITH w AS (
  DELETE FROM webhook WHERE id = $1::uuid AND platform_id = tenant() RETURNING id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $2, 'webhook.delete', id::text FROM w
)
SELECT id FROM w
