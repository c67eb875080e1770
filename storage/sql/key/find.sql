-- [system] Finds a key by its public id and says whether the secret is right.
-- $1 key_id
-- $2 secret key_secret
-- -> key_id, kind, platform_id, end_user_id or null, external_id or null, scopes JSON array,
--      matches bool, is_active bool (key, user and platform active, not expired), expires_at or
--      null, expires_in_ms or null, tools (JSON array of the lists of platform, user and key, or
--      empty when none has one)
SELECT k.key_id, k.kind, k.platform_id, k.end_user_id, u.external_id, k.scopes::text AS scopes,
  k.secret_hmac = $2::bytea AS matches,
  k.is_active AND p.is_active AND coalesce(u.is_active, true)
    AND coalesce(k.expires_at > clock_timestamp(), true) AS is_active,
  iso_utc(k.expires_at) AS expires_at, ms_until(k.expires_at) AS expires_in_ms,
  CASE WHEN coalesce(p.allowed_tools, u.allowed_tools, k.allowed_tools) IS NULL THEN ''
    ELSE jsonb_build_array(p.allowed_tools, u.allowed_tools, k.allowed_tools)::text END AS tools
FROM api_key k JOIN platform p ON p.id = k.platform_id LEFT JOIN end_user u ON u.id = k.end_user_id
WHERE k.key_id = $1
