-- [tenant] Notes scopes that a remote server misses in the user's active connection; the next
--   connect asks for them too. May run twice. No row: not connected.
-- $1 end_user uuid
-- $2 app_slug
-- $3 scopes JSON array
-- $4 most scopes kept
-- -> id, provider_fields JSON object
UPDATE connection SET wanted_scopes = (
  SELECT coalesce(jsonb_agg(scope ORDER BY scope), '[]') FROM (
    SELECT DISTINCT scope FROM jsonb_array_elements_text(wanted_scopes || $3::jsonb) AS x (scope)
    ORDER BY scope LIMIT $4::bigint) AS kept)
WHERE end_user_id = $1::uuid AND app_slug = $2 AND platform_id = tenant() AND is_active
RETURNING id, provider_fields::text AS provider_fields
