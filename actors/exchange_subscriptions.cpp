// How an exchange serves subscriptions/listen.

#include <utility>

#include "actors/exchange.hpp"
#include "actors/menu.hpp"
#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"

namespace callboard {
namespace {

bool offers(const json::object& capabilities, std::string_view what, std::string_view flag) {
  auto* x = find_object(capabilities, what);
  return x && find_bool(*x, flag).value_or(false);
}

} // namespace

void exchange_state::listen() {
  auto wanted = mcp::parse_listen(request().params);
  if (!wanted)
    return fail(wanted.error());
  if (!post->forms.event_stream)
    return fail(
      make_problem(errc::not_acceptable, "Accept must allow text/event-stream.", "Accept"));
  filter = std::move(*wanted);
  if (is_catalogue())
    return acknowledge(mcp::tools_capability());
  self
    ->request(self->spawn(menu, menu_args{parts}), menu_timeout, atom::run_v, post->who, post->app,
              std::string{"server"})
    .then(
      [this](const std::string& text) {
        acknowledge(read_offer(text, *parts.settings).capabilities);
      },
      [this](caf::error& x) { fail(store_error(std::move(x))); });
}

void exchange_state::acknowledge(const json::object& capabilities) {
  if (!open)
    return;
  // An endpoint of several apps gains and loses tools with its user's connections.
  filter.tools =
    filter.tools && (post->app == all_apps || offers(capabilities, "tools", "listChanged"));
  filter.prompts = filter.prompts && offers(capabilities, "prompts", "listChanged");
  filter.resources = filter.resources && offers(capabilities, "resources", "listChanged");
  if (!offers(capabilities, "resources", "subscribe"))
    filter.uris.clear();
  listening = true;
  start_stream();
  send(mcp::encode_acknowledged(request().id, filter));
  self->send(parts.directory, atom::enlist_v, exchange_actor{self});
  if (filter.tools)
    look_for_news();
  if (!is_catalogue() && !filter.empty())
    send_errand(request().params);
}

void exchange_state::look_for_news() {
  self
    ->request(self->spawn(menu, menu_args{parts}), menu_timeout, atom::run_v, post->who, post->app,
              std::string{mcp::listed::tools})
    .then(
      [this](const std::string& text) {
        auto items = mcp::merge_items(read_shares(text), mcp::listed::tools,
                                      mcp::tool_filter::read(post->who.tools));
        auto now = sha256(json::serialize(items));
        auto before = std::exchange(tools_digest, now);
        if (!before.empty() && before != now)
          send(mcp::encode_subscribed(request().id, mcp::method::tools_changed, {}));
      },
      [](const caf::error&) {}); // not known now: the next change is another chance
}

void exchange_state::check_key(std::function<void()> then) {
  if (!open)
    return; // a suspended request is checked with the client's next POST
  auto key = bearer_key(post->call->headers).value_or("");
  self->request(parts.authenticator, limits::store_timeout, atom::auth_v, key)
    .then(
      [this, then](const principal& who) {
        auto copy = std::make_shared<stateless_post>(*post);
        copy->who = who;
        post = std::move(copy);
        then();
      },
      [this](const caf::error& x) {
        if (code_of(x) == errc::invalid_api_key)
          end_listening();
      });
}

void exchange_state::end_listening() {
  if (!listening || !open)
    return;
  finish(200, mcp::encode_listen_end(request().id));
}

} // namespace callboard
