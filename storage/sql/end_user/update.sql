-- [tenant] Changes an end user; null leaves a field as it is. No row: unknown.
-- $1 id uuid
-- $2 display_name
-- $3 metadata JSON object
-- $4 is_active bool
-- $5 actor
-- -> body
WITH u AS (
  UPDATE end_user u SET display_name = coalesce($2, display_name), metadata = coalesce($3::jsonb,
    metadata),
    is_active = coalesce($4::boolean, is_active), updated_at = clock_timestamp()
  WHERE id = $1::uuid AND platform_id = tenant() RETURNING id, end_user_json(u) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $5, 'end_user.update', id::text FROM u
)
SELECT body::text AS body FROM u
