-- Roles, small functions, and what caches and operators watch.
--
-- callboard_app sees one platform at a time (row-level security); callboard_system sees all rows.
-- Neither can log in, owns a table, or bypasses row-level security; the program's login role
-- becomes one of them per transaction.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['callboard_app', 'callboard_system'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', r);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another database of this cluster made it
    END;
    IF NOT pg_has_role(current_user, r, 'MEMBER')
       OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
      EXECUTE format('GRANT %I TO %I', r, current_user);
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT current_setting('callboard.tenant')::uuid $$;
COMMENT ON FUNCTION tenant() IS
  'The platform of this transaction. An error, never a default, when it is unset or empty.';

CREATE FUNCTION usd_text(micro bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (micro::numeric * 0.000001)::text $$;
COMMENT ON FUNCTION usd_text(bigint) IS 'Micro-US-dollars as a decimal with six places, exactly.';

CREATE FUNCTION iso_utc(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') $$;
COMMENT ON FUNCTION iso_utc(timestamptz) IS 'ISO 8601 in UTC, whole seconds.';

CREATE FUNCTION ms_until(at timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT (extract(epoch FROM at - clock_timestamp()) * 1000)::bigint $$;
COMMENT ON FUNCTION ms_until(timestamptz) IS 'Milliseconds from now; negative when it is past.';

CREATE FUNCTION in_ms(ms bigint) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT clock_timestamp() + ms * interval '1 millisecond' $$;
COMMENT ON FUNCTION in_ms(bigint) IS 'The moment so many milliseconds from now.';

CREATE TABLE auth_version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version  bigint  NOT NULL
);
COMMENT ON TABLE auth_version IS
  'One number that rises whenever a key, user, platform, app or connection stops being usable: '
  'caches are then dropped.';
INSERT INTO auth_version (version) VALUES (1);
GRANT SELECT, UPDATE ON auth_version TO callboard_app, callboard_system;

CREATE FUNCTION auth_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE auth_version SET version = version + 1;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION auth_changed() IS 'Trigger of the tables whose rows are cached by nodes.';

CREATE TABLE audit (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  platform_id uuid,
  actor       text NOT NULL,
  action      text NOT NULL,
  subject     text NOT NULL,
  at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE audit IS 'Who changed what. Outlives the platform, hence no foreign key.';
COMMENT ON COLUMN audit.actor IS 'A key id, or the operator''s command line.';
CREATE INDEX audit_platform ON audit (platform_id, id);
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON audit TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON audit TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON audit TO callboard_app, callboard_system;
