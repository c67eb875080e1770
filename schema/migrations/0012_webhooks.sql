-- Events that platforms are told of, and their way to webhook endpoints. An event is written to the
-- outbox in the transaction of its cause, with one delivery for each endpoint that wants it; the
-- dispatchers of all nodes take deliveries that are due, each under a lease.

CREATE TABLE webhook (
  id            uuid PRIMARY KEY,
  platform_id   uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  url           text NOT NULL CHECK (octet_length(url) BETWEEN 1 AND 2048),
  description   text NOT NULL DEFAULT '',
  events        text[] NOT NULL CHECK (cardinality(events) > 0),
  secret_sealed bytea NOT NULL,
  is_active     boolean NOT NULL DEFAULT true,
  failing_since timestamptz,
  disabled_at   timestamptz,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE webhook IS 'Endpoints of a platform to which events are posted.';
COMMENT ON COLUMN webhook.events IS 'Event types that it wants.';
COMMENT ON COLUMN webhook.failing_since IS 'First failure since the latest success.';
COMMENT ON COLUMN webhook.disabled_at IS 'Switched off because it had failed for too long.';
CREATE INDEX webhook_page ON webhook (platform_id, created_at DESC, id);
ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON webhook TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON webhook TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook TO callboard_app, callboard_system;

CREATE TABLE outbox (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  event_id    text NOT NULL,
  event_type  text NOT NULL,
  body        text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (platform_id, event_id)
);
COMMENT ON TABLE outbox IS
  'Events, written in the transaction of their cause and kept for replay. The id is the webhook-id '
  'of every delivery; the body is what is signed and sent, byte for byte.';
CREATE INDEX outbox_replay ON outbox (platform_id, created_at);
CREATE INDEX outbox_sweep ON outbox (created_at);
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON outbox TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON outbox TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON outbox TO callboard_app, callboard_system;

CREATE TABLE webhook_delivery (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  platform_id     uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  webhook_id      uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
  outbox_id       uuid NOT NULL REFERENCES outbox ON DELETE CASCADE,
  status          "char" NOT NULL DEFAULT 'P' CHECK (status IN ('P', 'S', 'F')),
  attempts        int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  claim           uuid,
  last_attempt_at timestamptz,
  last_status     int,
  last_error      text,
  last_ms         bigint,
  delivered_at    timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (webhook_id, outbox_id)
);
COMMENT ON TABLE webhook_delivery IS
  'An event on its way to an endpoint: pending, sent (S) or failed for good (F).';
COMMENT ON COLUMN webhook_delivery.next_at IS
  'When the next attempt is due; while a node is at it, when its lease ends.';
COMMENT ON COLUMN webhook_delivery.claim IS
  'Token of the latest claim: only its holder may record the outcome.';
COMMENT ON COLUMN webhook_delivery.last_status IS 'HTTP status, or null without an answer.';
COMMENT ON COLUMN webhook_delivery.last_ms IS 'Milliseconds of the latest attempt.';
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, next_at) WHERE status = 'P';
CREATE INDEX webhook_delivery_page ON webhook_delivery (webhook_id, created_at DESC, id);
CREATE INDEX webhook_delivery_event ON webhook_delivery (outbox_id);
CREATE INDEX webhook_delivery_claim ON webhook_delivery (claim) WHERE claim IS NOT NULL;
ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON webhook_delivery TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON webhook_delivery TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_delivery TO callboard_app, callboard_system;

CREATE FUNCTION webhook_json(w webhook) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', w.id, 'platform_id', w.platform_id, 'url', w.url,
    'description', w.description, 'subscribed_events', to_jsonb(w.events), 'active', w.is_active,
    'failing_since', iso_utc(w.failing_since), 'disabled_at', iso_utc(w.disabled_at),
    'created_at', iso_utc(w.created_at), 'updated_at', iso_utc(w.updated_at)) $$;
COMMENT ON FUNCTION webhook_json(webhook) IS 'An endpoint as the REST API shows it.';

CREATE FUNCTION webhook_delivery_json(d webhook_delivery, o outbox) RETURNS jsonb
  LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', d.id, 'webhook_id', d.webhook_id, 'message_id', 'msg_' || o.id,
    'event_id', o.event_id, 'event_type', o.event_type,
    'status', CASE d.status WHEN 'P' THEN 'pending' WHEN 'S' THEN 'delivered' ELSE 'failed' END,
    'attempts', d.attempts,
    'next_attempt_at', CASE WHEN d.status = 'P' THEN iso_utc(d.next_at) END,
    'last_attempt_at', iso_utc(d.last_attempt_at), 'last_status', d.last_status,
    'last_error', d.last_error, 'last_latency_ms', d.last_ms,
    'delivered_at', iso_utc(d.delivered_at), 'created_at', iso_utc(d.created_at)) $$;
COMMENT ON FUNCTION webhook_delivery_json(webhook_delivery, outbox) IS
  'A delivery as the REST API shows it.';

-- Writes an event with its deliveries. An event type that no endpoint gets unless it asks for it
-- (`quiet`) leaves no trace when none does.
CREATE FUNCTION event_publish(t uuid, kind text, eid text, data json, quiet boolean) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE o uuid;
BEGIN
  IF quiet AND NOT EXISTS (SELECT FROM webhook w WHERE w.platform_id = t AND w.is_active
                             AND kind = ANY (w.events)) THEN
    RETURN NULL;
  END IF;
  INSERT INTO outbox (platform_id, event_id, event_type, body)
    VALUES (t, eid, kind, json_build_object('event_type', kind, 'event_id', eid,
      'api_version', '2026-04-11', 'created_at', iso_utc(clock_timestamp()), 'data', data)::text)
    RETURNING id INTO o;
  INSERT INTO webhook_delivery (platform_id, webhook_id, outbox_id)
    SELECT t, w.id, o FROM webhook w
    WHERE w.platform_id = t AND w.is_active AND kind = ANY (w.events);
  RETURN o;
END $$;
COMMENT ON FUNCTION event_publish(uuid, text, text, json, boolean) IS
  'Tells a platform of an event, in the transaction of its cause.';

-- An event for one endpoint only, to try it out. Codes: ok | not_found | inactive.
CREATE FUNCTION webhook_test(t uuid, w uuid, OUT code text, OUT body jsonb)
LANGUAGE plpgsql AS $$
DECLARE e webhook; o outbox; d webhook_delivery; eid text := gen_random_uuid()::text;
BEGIN
  SELECT * INTO e FROM webhook WHERE id = w AND platform_id = t;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  IF NOT e.is_active THEN code := 'inactive'; RETURN; END IF;
  INSERT INTO outbox (platform_id, event_id, event_type, body)
    VALUES (t, eid || ':webhook.test', 'webhook.test', json_build_object(
      'event_type', 'webhook.test', 'event_id', eid || ':webhook.test',
      'api_version', '2026-04-11', 'created_at', iso_utc(clock_timestamp()),
      'data', json_build_object('platform_id', t, 'webhook_id', w))::text)
    RETURNING * INTO o;
  INSERT INTO webhook_delivery (platform_id, webhook_id, outbox_id) VALUES (t, w, o.id)
    RETURNING * INTO d;
  code := 'ok'; body := webhook_delivery_json(d, o);
END $$;
COMMENT ON FUNCTION webhook_test(uuid, uuid) IS 'Queues a test event for one endpoint.';

-- Records the outcome of an attempt, if the claim still holds: `next_ms` until the next one, null
-- when there is none. An endpoint that has failed for `disable_ms` is switched off, and what waits
-- for it fails. Codes: ok | late | disabled.
CREATE FUNCTION webhook_record(d uuid, tok uuid, good boolean, http int, problem text, ms bigint,
  next_ms bigint, disable_ms bigint, OUT code text)
LANGUAGE plpgsql AS $$
DECLARE x webhook_delivery; w webhook;
BEGIN
  -- Endpoint before deliveries, as switching it off takes them too.
  PERFORM 1 FROM webhook e JOIN webhook_delivery y ON y.webhook_id = e.id
    WHERE y.id = d FOR NO KEY UPDATE OF e;
  UPDATE webhook_delivery SET attempts = attempts + 1, claim = NULL,
      status = CASE WHEN good THEN 'S'::"char" WHEN next_ms IS NULL THEN 'F'::"char"
                    ELSE 'P'::"char" END,
      next_at = in_ms(coalesce(next_ms, 0)), last_attempt_at = clock_timestamp(),
      last_status = http, last_error = problem, last_ms = ms,
      delivered_at = CASE WHEN good THEN clock_timestamp() END
    WHERE id = d AND claim = tok AND status = 'P' RETURNING * INTO x;
  IF NOT FOUND THEN code := 'late'; RETURN; END IF;
  code := 'ok';
  IF good THEN
    UPDATE webhook SET failing_since = NULL WHERE id = x.webhook_id AND failing_since IS NOT NULL;
    RETURN;
  END IF;
  UPDATE webhook SET failing_since = coalesce(failing_since, clock_timestamp())
    WHERE id = x.webhook_id RETURNING * INTO w;
  IF NOT w.is_active OR ms_until(w.failing_since) > -disable_ms THEN RETURN; END IF;
  UPDATE webhook SET is_active = false, disabled_at = clock_timestamp(),
      updated_at = clock_timestamp() WHERE id = w.id;
  UPDATE webhook_delivery SET status = 'F', claim = NULL, last_error = 'endpoint_disabled'
    WHERE webhook_id = w.id AND status = 'P';
  INSERT INTO audit (platform_id, actor, action, subject)
    VALUES (w.platform_id, 'dispatcher', 'webhook.disable', w.id::text);
  code := 'disabled';
END $$;
COMMENT ON FUNCTION webhook_record(uuid, uuid, boolean, int, text, bigint, bigint, bigint) IS
  'Records the outcome of one attempt to deliver.';
