-- [tenant] Voids a hold of which a try does not know whether it placed it, unless another owner has
--   placed it meanwhile. May run twice (journal).
-- $1 hold id uuid
-- $2 token uuid of the owner that tried
-- $3 why, for the log row of a model turn, or null for none
-- -> code (voided, already, not_found, not_ours)
SELECT hold_undo(tenant(), $1::uuid, $2::uuid, $3) AS code
