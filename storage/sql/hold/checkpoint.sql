-- [tenant] Notes what an open hold has used so far; the sweeper settles it if nobody else does. May
--   run twice.
-- $1 hold id uuid
-- $2 used micro-USD
-- $3 provider_ref or null to keep it
-- $4 ttl_ms from now, or null to leave its end where it is
-- -> id
UPDATE hold SET checkpoint = greatest(coalesce(checkpoint, 0), $2::bigint),
  provider_ref = coalesce($3, provider_ref),
  expires_at = greatest(expires_at, in_ms($4::bigint))
WHERE id = $1::uuid AND platform_id = tenant() AND status = 'P' AND kind <> 'block' RETURNING id
