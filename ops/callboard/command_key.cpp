#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "core/base/digest.hpp"
#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/page_options.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

constexpr std::size_t name_length_max = 100;
constexpr std::size_t key_id_length = 16;

struct key_args {
  std::string platform;
  std::string type;
  std::string end_user;
  std::string name;
  std::string expires_at;
  std::string key;
  page_request page;
};

/// What a key of that kind is for, as the API shows it.
const char* scopes_of(key_kind kind) {
  switch (kind) {
  case key_kind::platform:
    return R"(["management"])";
  case key_kind::end_user:
    return R"(["inference"])";
  case key_kind::lifecycle_live:
  case key_kind::lifecycle_test:
    return R"(["lifecycle"])";
  }
  return "[]";
}

/// Only the form; PostgreSQL knows the calendar.
result<std::optional<std::string>> expiry(const std::string& text) {
  if (text.empty())
    return std::optional<std::string>{};
  const json::object fields{{"expires_at", text}};
  field_reader reader{fields};
  auto read = reader.time("expires_at");
  if (reader.problem())
    return bad_argument("--expires-at must be a time with zone, like 2030-12-31T00:00:00Z.");
  return read;
}

result<std::optional<std::string>> end_user_of(const key_args& args) {
  if (args.end_user.empty())
    return std::optional<std::string>{};
  auto id = uuid_argument("--end-user", args.end_user);
  if (!id)
    return id.error();
  return std::optional{*id};
}

result<key_kind> kind_of_key(const key_args& args) {
  const auto name = !args.type.empty()      ? args.type
                    : args.end_user.empty() ? "platform"
                                            : "end_user";
  const auto kind = key_kind_from(name);
  if (!kind)
    return bad_argument("--type must be platform, end_user, lifecycle_live or lifecycle_test.");
  if ((*kind == key_kind::end_user) == args.end_user.empty())
    return bad_argument("--end-user is needed for, and only for, keys of type end_user.");
  return *kind;
}

result<store_rows> insert(store_access& access, const platform_id& platform, const api_key& key,
                          const key_args& args) {
  const auto user = end_user_of(args);
  if (!user)
    return user.error();
  const auto expires_at = expiry(args.expires_at);
  if (!expires_at)
    return expires_at.error();
  auto name = args.name.empty() ? store_value::null() : store_value::text(args.name);
  const auto unkeyed = store_value::null();
  return access.db().run(
    store_call{platform,
               "key/insert",
               {store_value::text(key.id.value),
                store_value::text(std::string{to_string(key.kind)}), store_value::text(*user),
                store_value::key_secret(key.secret), store_value::text(shown_prefix(key)), name,
                store_value::text(scopes_of(key.kind)), store_value::text(*expires_at),
                store_value::text(cli_actor), store_value::null(), unkeyed, unkeyed, unkeyed}});
}

result<report> create(store_access& access, const key_args& args) {
  const auto kind = kind_of_key(args);
  if (!kind)
    return kind.error();
  if (auto name = text_argument("--name", args.name, 0, name_length_max); !name)
    return name.error();
  const auto platform = find_platform(access.db(), args.platform);
  if (!platform)
    return platform.error();
  const auto key = make_api_key(*kind);
  auto rows = insert(access, platform->id, key, args);
  if (!rows)
    return rows.error();
  if (rows->empty())
    return make_problem(errc::not_found, "The platform has no end user " + args.end_user + ".");
  auto said = json::parse(store_row{*rows, 0}.text("body")).as_object();
  const auto raw = format_api_key(key);
  said["raw_key"] = raw;
  return report{std::move(said),
                "id   " + key.id.value + "\nkey  " + raw + "\nThe key is shown only this once."};
}

result<report> list(store_access& access, const key_args& args) {
  if (!args.type.empty() && !key_kind_from(args.type))
    return bad_argument("--type must be platform, end_user, lifecycle_live or lifecycle_test.");
  const auto user = end_user_of(args);
  if (!user)
    return user.error();
  const auto platform = find_platform(access.db(), args.platform);
  if (!platform)
    return platform.error();
  auto rows = access.db().run(
    store_call{platform->id,
               "key/list",
               {store_value::integer(args.page.page), store_value::integer(args.page.limit),
                args.type.empty() ? store_value::null() : store_value::text(args.type),
                store_value::text(*user)}});
  if (!rows)
    return rows.error();
  auto said = page_of(*rows, args.page);
  return report{said, text_table(said["data"].as_array(),
                                 {{"ID", "id"},
                                  {"PREFIX", "key_prefix"},
                                  {"TYPE", "type"},
                                  {"NAME", "name"},
                                  {"ACTIVE", "is_active"},
                                  {"EXPIRES", "expires_at"},
                                  {"LAST USED", "last_used_at"}},
                                 "There are no keys.")};
}

result<report> revoke(store_access& access, const key_args& args) {
  const bool is_id =
    args.key.size() == key_id_length && std::all_of(args.key.begin(), args.key.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
  if (!is_id)
    return bad_argument("KEY is the id of a key: 16 hexadecimal digits, as `key list` shows it.");
  const auto platform = find_platform(access.db(), args.platform);
  if (!platform)
    return platform.error();
  auto rows = access.db().run(store_call{
    platform->id, "key/revoke", {store_value::text(args.key), store_value::text(cli_actor)}});
  if (!rows)
    return rows.error();
  if (rows->empty())
    return make_problem(errc::not_found, "The platform has no key " + args.key + ".");
  return report{json::object{{"id", args.key}, {"is_active", false}},
                "The key " + args.key + " is revoked."};
}

void add_platform_option(CLI::App& app, key_args& args) {
  app.add_option("--platform", args.platform, "UUID of the platform")->required();
}

} // namespace

void add_key_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("key", "API keys of platforms and end users");
  group.require_subcommand(1);
  const auto* types = "platform, end_user, lifecycle_live or lifecycle_test";
  auto made = std::make_shared<key_args>();
  auto& create_app = builder.add(group, "create", "Creates a key and shows it once",
                                 [made](store_access& access) { return create(access, *made); });
  add_platform_option(create_app, *made);
  create_app.add_option("--type", made->type, types);
  create_app.add_option("--end-user", made->end_user, "UUID of the end user, for type end_user");
  create_app.add_option("--name", made->name, "What people call it");
  create_app.add_option("--expires-at", made->expires_at, "When it stops working (never)");
  auto listed = std::make_shared<key_args>();
  auto& list_app = builder.add(group, "list", "Lists keys, newest first, without their secrets",
                               [listed](store_access& access) { return list(access, *listed); });
  add_platform_option(list_app, *listed);
  list_app.add_option("--type", listed->type, types);
  list_app.add_option("--end-user", listed->end_user, "UUID of an end user");
  add_page_options(list_app, listed->page);
  auto revoked = std::make_shared<key_args>();
  auto& revoke_app =
    builder.add(group, "revoke", "Revokes a key for good",
                [revoked](store_access& access) { return revoke(access, *revoked); });
  add_platform_option(revoke_app, *revoked);
  revoke_app.add_option("KEY", revoked->key, "Id of the key")->required();
}

} // namespace callboard
