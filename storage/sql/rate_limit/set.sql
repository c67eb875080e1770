-- [tenant] Gives an end user limits of its own. No row: unknown user.
-- $1 end_user uuid
-- $2 requests a minute, or null for no limit
-- $3 tokens a minute, or null for no limit
-- $4 requests a UTC day, or null for no limit
-- $5 actor
-- -> body
WITH l AS (
  INSERT INTO rate_limit (end_user_id, rpm_limit, tpm_limit, rpd_limit)
  SELECT u.id, $2::bigint, $3::bigint, $4::bigint FROM end_user u
  WHERE u.id = $1::uuid AND u.platform_id = tenant()
  ON CONFLICT (end_user_id) DO UPDATE SET rpm_limit = excluded.rpm_limit,
    tpm_limit = excluded.tpm_limit, rpd_limit = excluded.rpd_limit,
    updated_at = clock_timestamp()
  RETURNING end_user_id, rpm_limit, tpm_limit, rpd_limit
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $5, 'rate_limit.set', end_user_id::text FROM l
)
SELECT jsonb_build_object('rpm_limit', rpm_limit, 'tpm_limit', tpm_limit, 'rpd_limit', rpd_limit,
  'resolution', 'explicit')::text AS body
FROM l
