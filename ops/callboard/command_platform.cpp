#include <algorithm>
#include <cctype>
#include <memory>
#include <string>

#include "core/base/digest.hpp"
#include "ops/callboard/argument.hpp"
#include "ops/callboard/commands.hpp"
#include "ops/callboard/page_options.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

constexpr std::size_t name_length_max = 100;
constexpr std::size_t slug_length_max = 63;

struct create_args {
  std::string name;
  std::string slug;
};

bool is_slug_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_slug(const std::string& text) {
  if (text.empty() || text.size() > slug_length_max || !is_slug_character(text.front()))
    return false;
  for (char c : text)
    if (!is_slug_character(c) && c != '-')
      return false;
  return true;
}

/// "Acme, Inc." becomes "acme-inc"; a name without Latin letters or digits gets a random slug.
std::string slug_from(const std::string& name) {
  std::string slug;
  for (char raw : name) {
    const auto c = static_cast<char>(std::tolower(static_cast<unsigned char>(raw)));
    if (is_slug_character(c))
      slug += c;
    else if (!slug.empty() && slug.back() != '-')
      slug += '-';
  }
  slug.resize(std::min(slug.size(), slug_length_max));
  while (slug.ends_with('-'))
    slug.pop_back();
  constexpr std::size_t random_slug_bytes = 4;
  return slug.empty() ? "platform-" + to_hex(random_bytes(random_slug_bytes)) : slug;
}

void add_line(std::string& text, std::string name, const json::value* x) {
  constexpr std::size_t name_width = 22;
  name.resize(std::max(name.size() + 1, name_width), ' ');
  text += (text.empty() ? "" : "\n") + name + cell_text(x);
}

std::string describe(const json::object& platform) {
  std::string text;
  for (const auto* member : {"id", "name", "slug", "is_active", "created_at"})
    add_line(text, member, find(platform, member));
  if (const auto* settings = find_object(platform, "settings"))
    for (const auto& member : *settings)
      add_line(text, std::string{member.key()}, &member.value());
  return text;
}

result<report> create(store_access& access, const create_args& args) {
  const auto name = text_argument("--name", args.name, 1, name_length_max);
  if (!name)
    return name.error();
  const auto slug = args.slug.empty() ? slug_from(*name) : args.slug;
  if (!is_slug(slug))
    return bad_argument("--slug must have 1 to 63 of a-z, 0-9 and '-', and not begin with '-'.");
  const auto key = make_api_key(key_kind::platform);
  const auto live = make_api_key(key_kind::lifecycle_live);
  auto rows = access.db().run(
    store_call{{},
               "platform/create",
               {store_value::text(uuid4()), store_value::text(*name), store_value::text(slug),
                store_value::text(uuid4()), store_value::text(key.id.value),
                store_value::key_secret(key.secret), store_value::text(shown_prefix(key)),
                store_value::text(live.id.value), store_value::key_secret(live.secret),
                store_value::text(shown_prefix(live)), store_value::text(cli_actor)}});
  if (!rows && code_of(rows.error()) == errc::conflict)
    return make_problem(errc::conflict,
                        "The slug '" + slug + "' is taken; choose another one with --slug.");
  if (!rows)
    return rows.error();
  auto platform = json::parse(store_row{*rows, 0}.text("body")).as_object();
  platform["platform_key"] = format_api_key(key);
  platform["lifecycle_key"] = format_api_key(live);
  const auto text = "platform       " + to_std(platform["id"].as_string()) + "\nslug           "
                    + slug + "\nplatform key   " + format_api_key(key) + "\nlifecycle key  "
                    + format_api_key(live) + "\nThe keys are shown only this once.";
  return report{std::move(platform), text};
}

result<report> list(store_access& access, const page_request& page) {
  auto rows = access.db().run(store_call{
    {}, "platform/list", {store_value::integer(page.page), store_value::integer(page.limit)}});
  if (!rows)
    return rows.error();
  auto said = page_of(*rows, page);
  return report{said, text_table(said["data"].as_array(),
                                 {{"ID", "id"},
                                  {"NAME", "name"},
                                  {"SLUG", "slug"},
                                  {"ACTIVE", "is_active"},
                                  {"CREATED", "created_at"}},
                                 "There are no platforms.")};
}

result<report> show(store_access& access, const std::string& id) {
  auto platform = find_platform(access.db(), id);
  if (!platform)
    return platform.error();
  return report{platform->body, describe(platform->body)};
}

} // namespace

void add_platform_commands(CLI::App& root, command_builder& builder) {
  auto& group = *root.add_subcommand("platform", "Platforms: the tenants of this installation");
  group.require_subcommand(1);
  auto made = std::make_shared<create_args>();
  auto& create_app = builder.add(group, "create", "Creates a platform with its first two keys",
                                 [made](store_access& access) { return create(access, *made); });
  create_app.add_option("--name", made->name, "What people call it")->required();
  create_app.add_option("--slug", made->slug, "Unique short name (made from the name)");
  auto page = std::make_shared<page_request>();
  add_page_options(builder.add(group, "list", "Lists platforms, newest first",
                               [page](store_access& access) { return list(access, *page); }),
                   *page);
  auto shown = std::make_shared<std::string>();
  builder
    .add(group, "show", "Shows a platform and its settings",
         [shown](store_access& access) { return show(access, *shown); })
    .add_option("ID", *shown, "UUID of the platform")
    ->required();
}

} // namespace callboard
