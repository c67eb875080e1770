#include <memory>
#include <string>

#include "core/base/digest.hpp"
#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/page_options.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

constexpr std::size_t external_id_length_max = 255;
constexpr std::size_t name_length_max = 100;

struct end_user_args {
  std::string platform;
  std::string external_id;
  std::string display_name;
  page_request page;
};

store_value text_or_null(const std::string& text) {
  return text.empty() ? store_value::null() : store_value::text(text);
}

result<report> create(store_access& access, const end_user_args& args) {
  const auto external_id =
    text_argument("--external-id", args.external_id, 1, external_id_length_max);
  if (!external_id)
    return external_id.error();
  const auto display_name = text_argument("--display-name", args.display_name, 0, name_length_max);
  if (!display_name)
    return display_name.error();
  const auto platform = find_platform(access.db(), args.platform);
  if (!platform)
    return platform.error();
  const auto key = make_api_key(key_kind::end_user);
  const auto unkeyed = store_value::null();
  auto rows = access.db().run(
    store_call{platform->id,
               "end_user/upsert",
               {store_value::text(uuid4()), store_value::text(*external_id),
                text_or_null(*display_name), store_value::null(), store_value::text(key.id.value),
                store_value::key_secret(key.secret), store_value::text(shown_prefix(key)),
                store_value::text(cli_actor), unkeyed, unkeyed, unkeyed}});
  if (!rows)
    return rows.error();
  const store_row row{*rows, 0};
  auto said = json::parse(row.text("body")).as_object();
  const auto raw = format_api_key(key);
  said["created"] = row.boolean("created");
  said["api_key"] = json::object{{"id", key.id.value}, {"raw_key", raw}};
  const auto text = std::string{row.boolean("created") ? "end user  " : "end user (existed)  "}
                    + row.text("end_user_id") + "\nkey       " + raw
                    + "\nThe key is shown only this once.";
  return report{std::move(said), text};
}

result<report> list(store_access& access, const end_user_args& args) {
  const auto platform = find_platform(access.db(), args.platform);
  if (!platform)
    return platform.error();
  auto rows = access.db().run(
    store_call{platform->id,
               "end_user/list",
               {store_value::integer(args.page.page), store_value::integer(args.page.limit),
                text_or_null(args.external_id)}});
  if (!rows)
    return rows.error();
  auto said = page_of(*rows, args.page);
  return report{said, text_table(said["data"].as_array(),
                                 {{"ID", "id"},
                                  {"EXTERNAL ID", "external_id"},
                                  {"NAME", "display_name"},
                                  {"ACTIVE", "is_active"},
                                  {"CREATED", "created_at"}},
                                 "There are no end users.")};
}

} // namespace

void add_end_user_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("end-user", "End users of a platform");
  group.require_subcommand(1);
  auto made = std::make_shared<end_user_args>();
  auto& create_app = builder.add(group, "create",
                                 "Creates an end user, or finds the one with that external id, "
                                 "and makes a fresh key either way",
                                 [made](store_access& access) { return create(access, *made); });
  create_app.add_option("--platform", made->platform, "UUID of the platform")->required();
  create_app.add_option("--external-id", made->external_id, "The platform's own id of the user")
    ->required();
  create_app.add_option("--display-name", made->display_name, "What people call the user");
  auto listed = std::make_shared<end_user_args>();
  auto& list_app = builder.add(group, "list", "Lists end users, newest first",
                               [listed](store_access& access) { return list(access, *listed); });
  list_app.add_option("--platform", listed->platform, "UUID of the platform")->required();
  list_app.add_option("--external-id", listed->external_id, "Only the one with this id");
  add_page_options(list_app, listed->page);
}

} // namespace callboard
