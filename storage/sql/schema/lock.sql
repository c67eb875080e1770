-- [internal] Lets one program migrate at a time.
SELECT pg_advisory_lock(4846811207151104)
