-- [tenant] Books tool calls that were admitted from blocks. May run twice (journal). Arrays, as
--   PostgreSQL writes them, with one element per call:
-- $1 hold ids
-- $2 block ids
-- $3 end users, or null
-- $4 tools
-- $5 providers, or null
-- $6 request_ids
-- $7 price_ids, or null
-- $8 amounts micro-USD
-- $9 latencies ms
-- $10 statuses
-- $11 error messages, or null
-- $12 free calls a month when the platform has no own number
-- $13 how often the provider was asked again, or null when never
-- $14 rules under which it is known that no end user has a budget, or null
-- -> booked (how many were new), balance micro-USD, available micro-USD, free_left, rules
SELECT booked, balance, available, free_left, rules
FROM calls_book(tenant(), $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
  $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $13::int[], $12::int,
  $14::bigint)
