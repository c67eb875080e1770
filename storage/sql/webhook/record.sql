-- [system] Records the outcome of an attempt to deliver, unless the claim was lost.
-- $1 delivery uuid
-- $2 claim uuid
-- $3 delivered bool
-- $4 HTTP status, or null without an answer
-- $5 what went wrong, or null
-- $6 duration ms
-- $7 ms until the next attempt, or null when there is none
-- $8 ms of failure after which an endpoint is switched off
-- -> code (ok, late, disabled)
SELECT code FROM webhook_record($1::uuid, $2::uuid, $3::boolean, $4::int, $5, $6::bigint,
  $7::bigint, $8::bigint)
