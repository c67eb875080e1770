-- [tenant] What the user's connection to an app may do and should, without its tokens; also of a
--   broken one, which is about to be made anew. No row: not connected.
-- $1 end_user uuid
-- $2 app_slug
-- -> scopes (granted) JSON array, wanted_scopes JSON array, provider_fields JSON object
SELECT scopes::text AS scopes, wanted_scopes::text AS wanted_scopes,
  provider_fields::text AS provider_fields
FROM connection
WHERE end_user_id = $1::uuid AND app_slug = $2 AND platform_id = tenant()
  AND (is_active OR needs_reconnect)
ORDER BY is_active DESC, created_at DESC LIMIT 1
