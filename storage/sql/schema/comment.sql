-- [internal] Says what schema_version is.
COMMENT ON TABLE schema_version IS 'Applied migrations with the SHA-256 of their files.'
