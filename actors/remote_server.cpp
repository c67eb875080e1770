#include "actors/remote_server.hpp"

namespace callboard {
namespace {

std::set<std::string> names_from(const std::string& text) {
  std::set<std::string> names;
  auto list = parse_json(text);
  if (list && list->is_array())
    for (auto& item : list->get_array())
      if (item.is_string())
        names.insert(to_std(item.get_string()));
  return names;
}

} // namespace

remote_server read_remote_server(const store_row& row) {
  remote_server x;
  x.slug = row.text("id");
  x.name = row.text("name");
  x.url = row.text("url");
  auto auth = row.text("auth");
  x.auth = auth == "oauth"    ? server_auth::oauth
           : auth == "header" ? server_auth::header
                              : server_auth::none;
  x.header_name = row.text("header_name");
  x.secret = row.text("secret");
  x.oauth = row.text("oauth");
  x.policy.prefix = row.text("tool_prefix");
  if (auto allowed = row.maybe_text("allowed_tools"))
    x.policy.allowed = names_from(*allowed);
  if (auto withheld = row.maybe_text("withheld"))
    x.policy.withheld = names_from(*withheld);
  x.active = row.boolean("is_active");
  x.lists = row.text("lists");
  return x;
}

} // namespace callboard
