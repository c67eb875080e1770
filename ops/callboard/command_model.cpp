#include <memory>
#include <optional>
#include <string>

#include <boost/url/parse.hpp>

#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

constexpr std::size_t slug_length_max = 200;
/// What most hosted models have today; a model with another window says so.
constexpr std::int64_t context_tokens_default = 128'000;
/// A turn without a limit of its own may take that much, and its hold is made for it.
constexpr std::int64_t output_tokens_default = 4096;
constexpr std::int64_t tokens_max = 1'000'000'000;

struct model_args {
  std::string slug;
  std::string base_url;
  std::string provider_model;
  std::string key_file;
  std::string input_price;
  std::string cached_price;
  std::string output_price;
  std::int64_t context_tokens = context_tokens_default;
  std::int64_t output_tokens_max = output_tokens_default;
  bool is_default = false;
  bool disabled = false;
  bool free = false;
};

/// The base URL of an OpenAI-compatible server, without trailing slash.
result<std::string> read_base_url(std::string text) {
  const auto url = boost::urls::parse_uri(text);
  if (!url || (url->scheme() != "http" && url->scheme() != "https") || url->host().empty())
    return bad_argument("--base-url must be an absolute http or https URL.");
  if (url->has_userinfo() || url->has_query() || url->has_fragment())
    return bad_argument("--base-url must have neither user name, query nor fragment.");
  while (text.ends_with('/'))
    text.pop_back();
  if (text.ends_with("/chat/completions"))
    return bad_argument("--base-url is what stands before /chat/completions.");
  return text;
}

/// A price per million tokens. Nothing is free by accident (I22): a price that is missing or zero
/// needs --free.
result<micro_usd> read_price(const std::string& flag, const std::string& text, bool free) {
  if (text.empty() && free)
    return micro_usd{0};
  if (text.empty())
    return bad_argument(flag + " is missing; a model without prices must be made with --free.");
  auto price = usd_argument(flag, text, {0});
  if (price && price->value == 0 && !free)
    return bad_argument(flag + " is zero; a model with a price of zero must be made with --free.");
  return price;
}

/// Whether the model has the mark of the default now.
result<bool> is_default_now(store& db, const std::string& slug) {
  const auto rows = db.run(store_call{{}, "model/list", {}});
  if (!rows)
    return rows.error();
  const auto models = json::parse(store_row{*rows, 0}.text("details"));
  for (const auto& model : models.as_array())
    if (find_string(model.as_object(), "slug") == slug)
      return find_bool(model.as_object(), "is_default").value_or(false);
  return false;
}

/// The statement's values that come from the arguments alone.
result<std::vector<store_value>> read_values(const model_args& args) {
  const auto slug = text_argument("SLUG", args.slug, 1, slug_length_max);
  if (!slug)
    return slug.error();
  const auto base_url = read_base_url(args.base_url);
  if (!base_url)
    return base_url.error();
  const auto provider_model =
    text_argument("--provider-model", args.provider_model.empty() ? *slug : args.provider_model, 1,
                  slug_length_max);
  if (!provider_model)
    return provider_model.error();
  auto secret = store_value::null();
  if (!args.key_file.empty()) {
    const auto key = secret_argument("--key-file", args.key_file);
    if (!key)
      return key.error();
    secret = store_value::secret(*key, *slug);
  }
  const auto input = read_price("--input-price", args.input_price, args.free);
  const auto cached = read_price("--cached-price", args.cached_price, args.free);
  const auto output = read_price("--output-price", args.output_price, args.free);
  for (const auto* price : {&input, &cached, &output})
    if (!*price)
      return price->error();
  if (args.output_tokens_max > args.context_tokens)
    return bad_argument("--max-output-tokens cannot be larger than --context-tokens.");
  return std::vector<store_value>{store_value::text(*slug),
                                  store_value::text(*base_url),
                                  store_value::text(*provider_model),
                                  secret,
                                  store_value::integer(input->value),
                                  store_value::integer(cached->value),
                                  store_value::integer(output->value),
                                  store_value::integer(args.context_tokens),
                                  store_value::integer(args.output_tokens_max)};
}

result<report> set(store_access& access, const model_args& args) {
  if (args.is_default && args.disabled)
    return bad_argument("--default and --disabled exclude each other.");
  auto values = read_values(args);
  if (!values)
    return values.error();
  const auto marked = is_default_now(access.db(), args.slug);
  if (!marked)
    return marked.error();
  values->push_back(store_value::boolean(!args.disabled && (args.is_default || *marked)));
  values->push_back(store_value::boolean(!args.disabled));
  values->push_back(store_value::text(cli_actor));
  const auto rows = access.db().run(store_call{{}, "model/set", std::move(*values)});
  if (!rows)
    return rows.error();
  auto said = json::parse(store_row{*rows, 0}.text("body")).as_object();
  auto text = "The model " + args.slug + " is set";
  if (find_bool(said, "is_default").value_or(false))
    text += " and is the default";
  return report{std::move(said), text + (args.disabled ? ", but disabled." : ".")};
}

result<report> list(store_access& access) {
  const auto rows = access.db().run(store_call{{}, "model/list", {}});
  if (!rows)
    return rows.error();
  auto details = json::parse(store_row{*rows, 0}.text("details")).as_array();
  auto text = text_table(details,
                         {{"SLUG", "slug"},
                          {"BASE URL", "base_url"},
                          {"MODEL THERE", "provider_model"},
                          {"INPUT $/M", "input_price"},
                          {"CACHED $/M", "cached_price"},
                          {"OUTPUT $/M", "output_price"},
                          {"DEFAULT", "is_default"},
                          {"ENABLED", "enabled"}},
                         "There are no models.");
  return report{json::object{{"data", std::move(details)}}, std::move(text)};
}

} // namespace

void add_model_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("model", "Models on OpenAI-compatible servers");
  group.require_subcommand(1);
  auto args = std::make_shared<model_args>();
  auto& app = builder.add(group, "set", "Adds a model, or replaces what is known of it",
                          [args](store_access& access) { return set(access, *args); });
  const auto tokens = CLI::Range(std::int64_t{1}, tokens_max);
  app.add_option("SLUG", args->slug, "Name of the model for clients")->required();
  app.add_option("--base-url", args->base_url, "What stands before /chat/completions")->required();
  app.add_option("--provider-model", args->provider_model, "Name of the model there (SLUG)");
  app.add_option("--key-file", args->key_file,
                 "File with the server's API key, '-' for standard input (keeps the stored one)");
  app.add_option("--input-price", args->input_price, "US dollars per million input tokens");
  app.add_option("--cached-price", args->cached_price, "US dollars per million cached tokens");
  app.add_option("--output-price", args->output_price, "US dollars per million output tokens");
  app.add_option("--context-tokens", args->context_tokens, "Input and output tokens together")
    ->check(tokens)
    ->capture_default_str();
  app.add_option("--max-output-tokens", args->output_tokens_max, "Output tokens of one turn")
    ->check(tokens)
    ->capture_default_str();
  app.add_flag("--default", args->is_default, "Answers requests that name no model");
  app.add_flag("--disabled", args->disabled, "Keeps the model, but nobody may use it");
  app.add_flag("--free", args->free, "Allows prices of zero");
  builder.add(group, "list", "Lists models with their prices", list);
}

} // namespace callboard
