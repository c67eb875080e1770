#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/mcp/offers.hpp"
#include "core/mcp/stateless.hpp"

namespace callboard {

/// The name of the endpoint with all apps that a user has connected (POST /mcp), where an app's
/// slug would be. No slug has that form.
inline constexpr std::string_view all_apps = "*";

struct menu_args {
  node_parts parts;
};

struct menu_state {
  explicit menu_state(menu_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "menu";

  /// The share of one app while it is being asked for.
  struct share {
    std::string app;
    json::value content;
    bool there = false;
  };

  void start();
  void ask_connected();
  void ask(std::vector<std::string> apps);
  void ask_one(std::size_t index);
  void ask_remote(std::size_t index);
  void answered(std::size_t index, json::value content);
  void no_answer(std::size_t index, const caf::error& why);
  void deliver();

  menu_actor::pointer self;
  menu_args args;
  principal who;
  std::string app;
  std::string kind;
  caf::typed_response_promise<std::string> promise;
  std::vector<share> shares;
  std::size_t missing = 0;
};

/// See menu_actor.
menu_actor::behavior_type menu(menu_actor::stateful_pointer<menu_state> self, menu_args args);

/// The longest that a menu takes: a remote server may be asked for the first time.
inline constexpr auto menu_timeout = limits::provider_call_timeout + 2 * limits::actor_timeout;

/// The apps that answered, with their items. @pre `text` is an answer of a menu
std::vector<mcp::offer_share> read_shares(const std::string& text);

/// Likewise for "server".
std::vector<json::object> read_servers(const std::string& text);

/// What a menu's answer to "server" gives the client: the capabilities of all, and the instructions
/// when there is only one.
mcp::stateless_offer read_offer(const std::string& text, const node_settings& settings);

} // namespace callboard
