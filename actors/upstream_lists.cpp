// What the upstream actor's server offers: loaded page by page, pinned, kept for while it is down.

#include <array>

#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "actors/upstream.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/json_text.hpp"
#include "core/mcp/messages.hpp"

namespace callboard {
namespace {

struct list_kind {
  std::string_view capability;
  std::string_view method;
  std::string_view member;
};

constexpr std::array<list_kind, 4> kinds{
  list_kind{"tools", "tools/list", "tools"}, list_kind{"resources", "resources/list", "resources"},
  list_kind{"resources", "resources/templates/list", "resourceTemplates"},
  list_kind{"prompts", "prompts/list", "prompts"}};

std::vector<std::string> texts_of(std::string_view lists, std::string_view member) {
  std::vector<std::string> texts;
  for (auto item : elements_of(member_text(lists, member).value_or("[]")))
    texts.emplace_back(item);
  return texts;
}

std::string profile_text(const mcp::server_profile& x) {
  object_writer out;
  out.add_string("protocolVersion", x.version);
  out.add("capabilities", x.capabilities);
  out.add("serverInfo", x.info);
  if (!x.instructions.empty())
    out.add_string("instructions", x.instructions);
  return std::move(out).finish();
}

mcp::server_profile profile_from(std::string_view text) {
  mcp::server_profile x;
  x.version = string_from(member_text(text, "protocolVersion").value_or("null")).value_or("");
  x.era =
    x.version >= mcp::stateless_version ? mcp::server_era::stateless : mcp::server_era::session;
  x.capabilities = std::string{member_text(text, "capabilities").value_or("{}")};
  x.info = std::string{member_text(text, "serverInfo").value_or("{}")};
  x.instructions = string_from(member_text(text, "instructions").value_or("null")).value_or("");
  return x;
}

std::vector<std::string> tool_texts(const std::vector<mcp::remote_tool>& tools) {
  std::vector<std::string> texts;
  for (auto& tool : tools)
    texts.push_back(tool.text);
  return texts;
}

} // namespace

/// A load under way.
struct upstream_load {
  std::string key;
  upstream_state::offer fresh;
  std::size_t kind = 0;
  std::size_t pages = 0;
  std::size_t bytes = 0;
  std::vector<std::string> items;
};

std::string upstream_state::offer_key(const principal& who) const {
  return args.server.auth == server_auth::oauth ? who.end_user.value : std::string{};
}

/// Calls `then` when the lists are there: at once when they are known, unless `fresh` wants those
/// that the server has announced.
void upstream_state::with_offer(const principal& who, bool fresh,
                                std::function<void(const caf::error&)> then) {
  auto key = offer_key(who);
  auto& x = offers[key];
  x.who = who;
  auto now = self->clock().now();
  bool due = !x.known || x.stale || now - x.loaded_at >= upstream_limits::offer_ttl;
  bool wait = !x.known || (fresh && x.stale && !is_down());
  bool start = due && !x.loading && !is_down() && (!x.known || now >= x.next_at);
  if (wait && (start || x.loading)) {
    x.waiting.push_back(std::move(then));
    if (start)
      load(key);
  } else if (x.known) {
    if (start)
      load(key);
    then({});
  } else if (x.problem && !is_down()) {
    then(x.problem);
  } else {
    then(make_problem(errc::upstream_unavailable, "The server is down at the moment."));
  }
}

void upstream_state::load(const std::string& key) {
  auto& x = offers.at(key);
  if (x.loading) {
    x.again = true;
    return;
  }
  auto work = std::make_shared<upstream_load>();
  x.loading = work;
  x.stale = false;
  work->key = key;
  work->fresh.who = x.who;
  relay_request wanted;
  wanted.who = x.who;
  if (args.server.auth != server_auth::oauth)
    wanted.who.end_user = {}; // nobody's session in particular
  work->fresh.who = wanted.who;
  ask_server(std::move(wanted), [this, work](outcome out) {
    if (!offer_of(work))
      return;
    if (auto* failure = std::get_if<relay_failure>(&out))
      return load_failed(work, failure->problem);
    if (!era) // lost meanwhile, through another user's session
      return load_failed(
        work, make_problem(errc::upstream_unavailable, "The server has ended the connection."));
    load_profile(work);
  });
}

upstream_state::offer_waiters upstream_state::stop_loading(offer& x) {
  x.loading.reset();
  x.again = false;
  return {x.who, std::exchange(x.waiting, {})};
}

void upstream_state::wait_again(offer_waiters waiters) {
  for (auto& then : waiters.waiting)
    with_offer(waiters.who, true, std::move(then));
}

upstream_state::offer* upstream_state::offer_of(const load_ptr& x) {
  auto found = offers.find(x->key);
  return found != offers.end() && found->second.loading == x ? &found->second : nullptr;
}

void upstream_state::load_profile(const load_ptr& x) {
  if (*era == mcp::server_era::session) {
    x->fresh.profile = profile;
    return load_next(x);
  }
  relay_request wanted;
  wanted.who = x->fresh.who;
  wanted.method = upstream_words::discover;
  ask_server(std::move(wanted), [this, x](outcome out) {
    if (!offer_of(x))
      return;
    if (auto* failure = std::get_if<relay_failure>(&out))
      return load_failed(x, failure->problem);
    auto read = mcp::read_discover(std::get<std::string>(out));
    if (!read)
      return load_failed(x, read.error());
    profile = *read;
    x->fresh.profile = std::move(*read);
    load_next(x);
  });
}

void upstream_state::load_next(const load_ptr& x) {
  while (x->kind < kinds.size() && !mcp::offers(x->fresh.profile, kinds[x->kind].capability))
    ++x->kind;
  if (x->kind == kinds.size())
    return pin_tools(x);
  x->items.clear();
  x->pages = 0;
  load_page(x, {});
}

void upstream_state::load_page(const load_ptr& x, const std::string& params) {
  relay_request wanted;
  wanted.who = x->fresh.who;
  wanted.method = kinds[x->kind].method;
  wanted.params = params;
  ask_server(std::move(wanted), [this, x](outcome out) {
    if (!offer_of(x))
      return;
    auto& kind = kinds[x->kind];
    std::optional<std::string> next;
    if (auto* text = std::get_if<std::string>(&out)) {
      auto page = mcp::read_list_page(*text, kind.member);
      if (!page)
        return load_failed(x, page.error());
      x->bytes += text->size();
      for (auto& item : page->items)
        x->items.push_back(std::move(item));
      next = std::move(page->next);
    } else if (std::get<relay_failure>(out).code != mcp::code_unknown_method) {
      auto& failure = std::get<relay_failure>(out);
      return load_failed(x, failure.problem
                              ? failure.problem
                              : make_problem(errc::upstream_failed,
                                             "The server refuses its list: " + failure.message));
    }
    if (x->bytes > upstream_limits::offer_bytes_max || x->items.size() > upstream_limits::items_max
        || ++x->pages > upstream_limits::pages_max)
      return load_failed(
        x, make_problem(errc::response_too_large, "The server's lists are too long."));
    if (next) {
      object_writer more;
      more.add_string("cursor", *next);
      return load_page(x, std::move(more).finish());
    }
    auto items = std::exchange(x->items, {});
    if (kind.member == "tools") {
      for (auto& item : items) {
        auto tool = mcp::read_remote_tool(item);
        if (tool)
          x->fresh.tools.push_back(std::move(*tool));
        else
          args.parts.metrics->log_problem({"upstream " + args.server.slug}, tool.error());
      }
    } else {
      (kind.member == "resources" ? x->fresh.resources
       : kind.member == "prompts" ? x->fresh.prompts
                                  : x->fresh.templates) = std::move(items);
    }
    ++x->kind;
    load_next(x);
  });
}

/// Known servers go on with what they offered last; who waits for an unknown one learns why.
void upstream_state::load_failed(const load_ptr& load, const caf::error& why) {
  auto* failed = offer_of(load);
  if (!failed)
    return;
  auto& x = *failed;
  args.parts.metrics->log_problem({"upstream " + args.server.slug}, why);
  x.loading.reset();
  x.again = false;
  x.next_at = self->clock().now() + upstream_limits::down_time;
  auto problem = x.known ? caf::error{} : why;
  if (!x.known && !why)
    problem = make_problem(errc::upstream_failed, "The server does not say what it offers.");
  x.problem = problem;
  auto changes = std::exchange(x.changes, {});
  for (auto& then : std::exchange(x.waiting, {}))
    then(problem);
  for (auto& method : changes)
    for (auto& [owner, y] : subscriptions)
      tell(y, method, {});
}

/// Compares definitions with their pins: a tool that changed is withheld until it is approved (X1).
void upstream_state::pin_tools(const load_ptr& x) {
  std::vector<std::string> pins;
  for (auto& tool : x->fresh.tools) {
    object_writer pin;
    pin.add_string("tool", tool.name).add_string("hash", tool.hash);
    pins.push_back(std::move(pin).finish());
  }
  query(
    self, args.parts.store, args.platform, "mcp_server/pin",
    {store_value::text(args.server.slug), store_value::text(array_of(pins))},
    [this, x](store_rows& rows) {
      if (!offer_of(x))
        return;
      auto& withheld = args.server.policy.withheld;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        store_row row{rows, i};
        if (row.boolean("approved"))
          withheld.erase(row.text("tool"));
        else
          withheld.insert(row.text("tool"));
      }
      loaded(x);
    },
    // Without its pins no tool can be trusted.
    [this, x](const caf::error& why) { load_failed(x, why); });
}

void upstream_state::loaded(const load_ptr& x) {
  auto* outdated = offer_of(x);
  if (!outdated)
    return;
  auto& old = *outdated;
  if (old.known) {
    if (tool_texts(old.tools) != tool_texts(x->fresh.tools))
      old.changes.insert(std::string{upstream_words::tools_changed});
    if (old.prompts != x->fresh.prompts)
      old.changes.insert(std::string{upstream_words::prompts_changed});
    if (old.resources != x->fresh.resources || old.templates != x->fresh.templates)
      old.changes.insert(std::string{upstream_words::resources_changed});
  }
  auto changes = std::exchange(old.changes, {});
  auto waiting = std::exchange(old.waiting, {});
  bool again = old.again;
  auto who = old.who;
  old = std::move(x->fresh);
  old.who = who;
  old.known = true;
  old.loaded_at = self->clock().now();
  if (x->key.empty())
    save_lists(old);
  for (auto& then : waiting)
    then({});
  for (auto& method : changes)
    for (auto& [owner, y] : subscriptions)
      tell(y, method, {});
  if (again)
    at(upstream_limits::reload_interval, [this, key = x->key] {
      if (offers.count(key) != 0)
        load(key);
    });
}

// -- what is kept -------------------------------------------------------------

void upstream_state::restore_lists() {
  auto& text = args.server.lists;
  if (text.empty() || args.server.auth == server_auth::oauth || !parse_json_object(text))
    return;
  auto& x = offers[std::string{}];
  x.known = true;
  x.profile = profile_from(member_text(text, "server").value_or("{}"));
  for (auto& item : texts_of(text, "tools"))
    if (auto tool = mcp::read_remote_tool(item))
      x.tools.push_back(std::move(*tool));
  x.resources = texts_of(text, "resources");
  x.templates = texts_of(text, "resourceTemplates");
  x.prompts = texts_of(text, "prompts");
  x.loaded_at = self->clock().now() - upstream_limits::offer_ttl; // due at once
  text.clear();
}

void upstream_state::save_lists(const offer& x) {
  object_writer out;
  out.add("server", profile_text(x.profile));
  out.add("tools", array_of(tool_texts(x.tools)));
  out.add("resources", array_of(x.resources));
  out.add("resourceTemplates", array_of(x.templates));
  out.add("prompts", array_of(x.prompts));
  query(
    self, args.parts.store, args.platform, "mcp_server/save_lists",
    {store_value::text(args.server.slug), store_value::text(std::move(out).finish())},
    [](store_rows&) {},
    [this](const caf::error& why) { args.parts.metrics->log_problem({"upstream"}, why); });
}

// -- answers ------------------------------------------------------------------

caf::result<std::string> upstream_state::list(const principal& who, const std::string& kind) {
  used_at = self->clock().now();
  if (!args.server.active)
    return make_problem(errc::app_not_active,
                        "The platform has switched '" + args.server.slug + "' off.");
  auto promise = self->make_response_promise<std::string>();
  auto number = lists_asked.add(promise);
  with_offer(who, true, [this, number, kind, key = offer_key(who)](const caf::error& problem) {
    if (problem)
      return lists_asked.deliver(number, problem);
    lists_asked.deliver(number, list_text(offers.at(key), kind));
  });
  return promise;
}

std::string upstream_state::list_text(const offer& x, const std::string& kind) const {
  auto& policy = args.server.policy;
  if (kind == "tools")
    return array_of(mcp::offered_tools(x.tools, policy));
  if (kind == "prompts")
    return array_of(mcp::prefixed(x.prompts, policy.prefix));
  if (kind == "resources")
    return array_of(x.resources);
  if (kind == "resourceTemplates")
    return array_of(x.templates);
  return profile_text(x.profile);
}

} // namespace callboard
