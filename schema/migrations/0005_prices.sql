-- Models and prices of tool calls: one list for all platforms.
CREATE TABLE model (
  slug              text PRIMARY KEY CHECK (char_length(slug) BETWEEN 1 AND 200),
  base_url          text NOT NULL,
  provider_model    text NOT NULL,
  secret_sealed     bytea,
  input_price       bigint NOT NULL CHECK (input_price >= 0),
  cached_price      bigint NOT NULL CHECK (cached_price >= 0),
  output_price      bigint NOT NULL CHECK (output_price >= 0),
  context_tokens    bigint NOT NULL CHECK (context_tokens > 0),
  output_tokens_max bigint NOT NULL CHECK (output_tokens_max > 0),
  is_default        boolean NOT NULL DEFAULT false,
  enabled           boolean NOT NULL DEFAULT true,
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (enabled OR NOT is_default)
);
COMMENT ON TABLE model IS
  'Models on OpenAI-compatible servers. No price, no model: a free one says 0.';
COMMENT ON COLUMN model.secret_sealed IS
  'API key of the model server, sealed for (model, slug); null when it needs none.';
COMMENT ON COLUMN model.input_price IS 'Micro-US-dollars per million input tokens.';
COMMENT ON COLUMN model.cached_price IS 'Micro-US-dollars per million cached input tokens.';
COMMENT ON COLUMN model.output_price IS 'Micro-US-dollars per million output tokens.';
COMMENT ON COLUMN model.context_tokens IS 'Tokens of input and output together.';
CREATE UNIQUE INDEX model_default ON model (is_default) WHERE is_default;
GRANT SELECT ON model TO callboard_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON model TO callboard_system;

CREATE TABLE tool_price (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope      text NOT NULL CHECK (scope IN ('tool', 'app', 'global')),
  name       text NOT NULL CHECK ((scope = 'global') = (name = '')),
  version    int NOT NULL,
  price      bigint NOT NULL CHECK (price >= 0),
  valid_from timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (scope, name, version)
);
COMMENT ON TABLE tool_price IS
  'Prices of paid tool calls. Rows never change: a new price is a new version.';
COMMENT ON COLUMN tool_price.name IS 'Tool name, app slug, or empty for the global default.';
COMMENT ON COLUMN tool_price.price IS 'Micro-US-dollars per call.';
GRANT SELECT ON tool_price TO callboard_app;
GRANT SELECT, INSERT ON tool_price TO callboard_system;
INSERT INTO tool_price (scope, name, version, price) VALUES ('global', '', 1, 1000);
