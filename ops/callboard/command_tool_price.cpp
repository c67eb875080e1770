#include <memory>
#include <string>

#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

constexpr std::size_t name_length_max = 200;
/// Two operators that set one price at once meet at most once or twice.
constexpr int tries_max = 3;

struct price_args {
  std::string tool;
  std::string app;
  bool global = false;
  std::string price;
};

result<report> set(store_access& access, const price_args& args) {
  const int given =
    (args.tool.empty() ? 0 : 1) + (args.app.empty() ? 0 : 1) + (args.global ? 1 : 0);
  if (given != 1)
    return bad_argument("Give one of --tool, --app and --global.");
  const auto price = usd_argument("--price", args.price, {0});
  if (!price)
    return price.error();
  const auto* scope = args.global ? "global" : args.app.empty() ? "tool" : "app";
  const auto name = args.app.empty() ? args.tool : args.app;
  if (auto ok = text_argument("--tool or --app", name, 0, name_length_max); !ok)
    return ok.error();
  const store_call call{{},
                        "tool_price/set",
                        {store_value::text(scope), store_value::text(name),
                         store_value::integer(price->value), store_value::text(cli_actor)}};
  auto rows = access.db().run(call);
  for (int i = 1; i < tries_max && !rows && code_of(rows.error()) == errc::conflict; ++i)
    rows = access.db().run(call);
  if (!rows)
    return rows.error();
  auto said = json::parse(store_row{*rows, 0}.text("body"));
  return report{std::move(said), "A call of " + (args.global ? "any tool" : scope + (" " + name))
                                   + " costs " + format_usd(*price) + " US dollars."};
}

result<report> list(store_access& access) {
  const auto rows = access.db().run(store_call{{}, "tool_price/list", {}});
  if (!rows)
    return rows.error();
  auto data = json::parse(store_row{*rows, 0}.text("data")).as_array();
  auto text = text_table(data,
                         {{"SCOPE", "scope"},
                          {"NAME", "name"},
                          {"US DOLLARS", "price"},
                          {"VERSION", "version"},
                          {"SINCE", "valid_from"}},
                         "There are no prices.");
  return report{json::object{{"data", std::move(data)}}, std::move(text)};
}

} // namespace

void add_tool_price_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("tool-price", "Prices of tool calls beyond the free ones");
  group.require_subcommand(1);
  auto args = std::make_shared<price_args>();
  auto& app = builder.add(group, "set", "Sets the price of a tool, an app's tools, or all tools",
                          [args](store_access& access) { return set(access, *args); });
  app.add_option("--tool", args->tool, "Name of a tool");
  app.add_option("--app", args->app, "Slug of an app");
  app.add_flag("--global", args->global, "Every tool without a price of its own");
  app.add_option("--price", args->price, "US dollars a call")->required();
  builder.add(group, "list", "Lists the prices in force", list);
}

} // namespace callboard
