#include "actors/menu.hpp"

#include <algorithm>
#include <utility>

#include "actors/look_up.hpp"
#include "actors/promise_book.hpp"
#include "actors/store_query.hpp"
#include "core/connectors/catalogue.hpp"

namespace callboard {
namespace {

/// What we say of an app of the catalogue, as a remote server says it of itself.
json::object catalogue_server() {
  return {{"capabilities", json::object{{"tools", json::object{{"listChanged", true}}},
                                        {"logging", json::object{}}}}};
}

json::value catalogue_items(const connectors::app& app, const std::string& kind) {
  if (kind == "server")
    return catalogue_server();
  json::array items;
  if (kind == mcp::listed::tools)
    for (auto& tool : app.tools)
      items.push_back(connectors::listing_of(tool));
  return items;
}

} // namespace

void menu_state::start() {
  if (app != all_apps)
    return ask({app});
  ask_connected();
}

void menu_state::ask_connected() {
  query(
    self, args.parts.store, who.platform, "connection/list",
    {store_value::text(who.end_user.value)},
    [this](store_rows& rows) {
      auto data = json::parse(rows.empty() ? std::string{"[]"} : store_row{rows, 0}.text("data"));
      std::vector<std::string> apps;
      for (auto& item : data.as_array())
        apps.push_back(to_std(item.at("appSlug").as_string()));
      std::sort(apps.begin(), apps.end()); // the same order every time (N18)
      apps.erase(std::unique(apps.begin(), apps.end()), apps.end());
      ask(std::move(apps));
    },
    [this](const caf::error& x) {
      promise.deliver(x);
      self->quit();
    });
}

void menu_state::ask(std::vector<std::string> apps) {
  missing = apps.size();
  shares.reserve(apps.size());
  for (auto& slug : apps)
    shares.push_back({std::move(slug), {}, false});
  if (missing == 0)
    return deliver();
  for (std::size_t i = 0; i < shares.size(); ++i)
    ask_one(i);
}

void menu_state::ask_one(std::size_t index) {
  if (auto known = args.parts.catalogue->find_app(shares[index].app))
    return answered(index, catalogue_items(*known, kind));
  ask_remote(index);
}

void menu_state::ask_remote(std::size_t index) {
  with_upstream(
    self, args.parts, who.platform, shares[index].app,
    [this, index](const upstream_actor& found) {
      self
        ->request(found, limits::provider_call_timeout + limits::actor_timeout, atom::relay_list_v,
                  who, kind)
        .then(
          [this, index](const std::string& text) {
            auto content = parse_json(text);
            if (content)
              answered(index, std::move(*content));
            else
              no_answer(index, content.error());
          },
          [this, index](caf::error& x) { no_answer(index, x); });
    },
    [this, index](const caf::error& x) { no_answer(index, x); });
}

void menu_state::answered(std::size_t index, json::value content) {
  shares[index].content = std::move(content);
  shares[index].there = true;
  if (--missing == 0)
    deliver();
}

void menu_state::no_answer(std::size_t index, const caf::error& why) {
  // One server that is down does not take the others' tools away.
  if (app == all_apps) {
    if (--missing == 0)
      deliver();
    return;
  }
  static_cast<void>(index);
  promise.deliver(why);
  self->quit();
}

void menu_state::deliver() {
  json::array all;
  for (auto& x : shares)
    if (x.there)
      all.push_back(json::object{{"app", x.app}, {"content", std::move(x.content)}});
  promise.deliver(json::serialize(all));
  self->quit();
}

menu_actor::behavior_type menu(menu_actor::stateful_pointer<menu_state> self, menu_args args) {
  self->state.args = std::move(args);
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    if (self->state.promise.pending())
      self->state.promise.deliver(ending());
    self->quit(msg.reason);
  });
  return {
    [self](atom::run, const principal& who, const std::string& app,
           const std::string& kind) -> caf::result<std::string> {
      auto& state = self->state;
      state.who = who;
      state.app = app;
      state.kind = kind;
      state.promise = self->make_response_promise<std::string>();
      state.start();
      return state.promise;
    },
  };
}

std::vector<mcp::offer_share> read_shares(const std::string& text) {
  std::vector<mcp::offer_share> shares;
  auto all = json::parse(text);
  for (auto& x : all.as_array()) {
    auto& object = x.as_object();
    auto* items = object.at("content").if_array();
    shares.push_back(
      {to_std(object.at("app").as_string()), items ? std::move(*items) : json::array{}});
  }
  return shares;
}

std::vector<json::object> read_servers(const std::string& text) {
  std::vector<json::object> servers;
  auto all = json::parse(text);
  for (auto& x : all.as_array())
    if (auto* server = x.as_object().at("content").if_object())
      servers.push_back(std::move(*server));
  return servers;
}

mcp::stateless_offer read_offer(const std::string& text, const node_settings& settings) {
  auto servers = read_servers(text);
  mcp::stateless_offer offer;
  offer.capabilities = mcp::merge_capabilities(servers);
  if (servers.empty()) // nothing is connected yet, but tools may come
    offer.capabilities = mcp::tools_capability();
  offer.server.version = settings.version;
  if (servers.size() == 1)
    offer.server.instructions = find_string(servers.front(), "instructions").value_or("");
  return offer;
}

} // namespace callboard
