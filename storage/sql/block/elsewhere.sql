-- [tenant] What lies in open blocks that were not made under this epoch.
-- $1 epoch
-- $2 end_user uuid, to look at the blocks of that user only, or null
-- -> amount micro-USD
SELECT coalesce(sum(amount), 0)::bigint AS amount FROM hold
WHERE platform_id = tenant() AND status = 'P' AND kind = 'block' AND epoch <> $1::bigint
  AND ($2::uuid IS NULL OR end_user_id = $2::uuid)
