-- [internal] The table of applied migrations.
CREATE TABLE IF NOT EXISTS schema_version (
  version    int PRIMARY KEY,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
