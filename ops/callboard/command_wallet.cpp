#include <memory>
#include <string>

#include "core/base/digest.hpp"
#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

constexpr std::size_t description_length_max = 500;
constexpr std::size_t repeat_key_length_max = 255;

struct wallet_args {
  std::string platform;
  std::string amount;
  std::string description;
  std::string repeat_key;
};

result<report> topup_done(const store_rows& rows, const wallet_args& args) {
  const store_row row{rows, 0};
  const auto code = rows.empty() ? std::string{} : row.text("code");
  if (code == "mismatch")
    return make_problem(errc::idempotency_mismatch,
                        "The idempotency key " + args.repeat_key
                          + " was used for a top-up with another amount or description.");
  if (code != "ok" && code != "exists")
    return make_problem(errc::not_found, "The platform has no wallet.");
  const auto balance = format_usd({row.integer("balance")});
  json::object said{{"transaction", json::parse(row.text("body"))},
                    {"balance", balance},
                    {"repeated", code == "exists"}};
  return report{std::move(said), std::string{code == "exists" ? "This was done before" : "Done"}
                                   + "; the balance is " + balance + " US dollars."};
}

result<report> topup(store_access& access, const wallet_args& args) {
  const auto amount = usd_argument("--amount", args.amount, {1});
  if (!amount)
    return amount.error();
  const auto description =
    text_argument("--description", args.description, 0, description_length_max);
  if (!description)
    return description.error();
  const auto repeat_key =
    text_argument("--idempotency-key", args.repeat_key, 0, repeat_key_length_max);
  if (!repeat_key)
    return repeat_key.error();
  const auto platform = find_platform(access.db(), args.platform);
  if (!platform)
    return platform.error();
  const auto hash = sha256(format_usd(*amount) + "\n" + *description);
  const auto rows = access.db().run(
    store_call{platform->id,
               "wallet/topup",
               {store_value::integer(amount->value),
                description->empty() ? store_value::null() : store_value::text(*description),
                repeat_key->empty() ? store_value::null() : store_value::text(*repeat_key),
                repeat_key->empty() ? store_value::null() : store_value::bytes(hash)}});
  if (!rows)
    return rows.error();
  return topup_done(*rows, args);
}

result<report> show(store_access& access, const wallet_args& args) {
  const auto platform = find_platform(access.db(), args.platform);
  if (!platform)
    return platform.error();
  const auto rows = access.db().run(store_call{platform->id, "wallet/show", {}});
  if (!rows)
    return rows.error();
  if (rows->empty())
    return make_problem(errc::not_found, "The platform has no wallet.");
  auto wallet = json::parse(store_row{*rows, 0}.text("body")).as_object();
  auto text = "balance  " + cell_text(find(wallet, "balance")) + " US dollars\nheld     "
              + cell_text(find(wallet, "held")) + " US dollars\n\n";
  text += text_table(wallet["recent_transactions"].as_array(),
                     {{"WHEN", "created_at"},
                      {"TYPE", "type"},
                      {"AMOUNT", "amount"},
                      {"BALANCE", "balance_after"},
                      {"DESCRIPTION", "description"}},
                     "There are no transactions.");
  return report{std::move(wallet), std::move(text)};
}

} // namespace

void add_wallet_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("wallet", "The money of platforms");
  group.require_subcommand(1);
  auto added = std::make_shared<wallet_args>();
  auto& app = builder.add(group, "topup", "Adds money",
                          [added](store_access& access) { return topup(access, *added); });
  app.add_option("--platform", added->platform, "UUID of the platform")->required();
  app.add_option("--amount", added->amount, "US dollars, at most six decimals")->required();
  app.add_option("--description", added->description, "What the ledger says of it");
  app.add_option("--idempotency-key", added->repeat_key,
                 "Makes a repetition with the same key add nothing");
  auto shown = std::make_shared<wallet_args>();
  builder
    .add(group, "show", "Shows the balance and the latest transactions",
         [shown](store_access& access) { return show(access, *shown); })
    .add_option("--platform", shown->platform, "UUID of the platform")
    ->required();
}

} // namespace callboard
