#include "actors/errand.hpp"

#include <algorithm>
#include <utility>

#include "actors/answer_headers.hpp"
#include "actors/look_up.hpp"
#include "actors/menu.hpp"
#include "actors/metrics.hpp"
#include "actors/promise_book.hpp"
#include "actors/store_query.hpp"
#include "actors/tool_call.hpp"
#include "core/base/digest.hpp"
#include "core/base/idempotency.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/mcp/mirror.hpp"
#include "core/mcp/stateless.hpp"

namespace callboard {
namespace {

caf::error not_found(std::string_view kind, const std::string& wanted) {
  if (kind == mcp::listed::tools)
    return mcp::unknown_tool(wanted);
  bool prompt = kind == mcp::listed::prompts;
  auto problem = make_problem(errc::invalid_params,
                              (prompt ? "Unknown prompt: " : "Resource not found: ") + wanted,
                              prompt ? "name" : "uri");
  return with_details(problem, json::serialize(json::object{{prompt ? "name" : "uri", wanted}}));
}

/// What is wrong with the Mcp-Param-* fields of a call, by the list of the server's tools.
std::optional<std::string> mirror_problem(const std::string& tools, const json::object& call,
                                          const http_headers& mirrored) {
  auto list = parse_json(tools);
  auto* items = list ? list->if_array() : nullptr;
  auto name = find_string(call, "name");
  if (!items || !name)
    return std::nullopt;
  for (auto& item : *items) {
    auto* tool = item.if_object();
    auto* schema =
      tool && find_string(*tool, "name") == name ? find_object(*tool, "inputSchema") : nullptr;
    if (!schema)
      continue;
    auto* arguments = find_object(call, "arguments");
    auto properties = mcp::mirrored_properties(*schema);
    if (!properties) // such a tool is not offered
      continue;
    return mcp::check_mirrored(mirrored, *properties, arguments ? *arguments : json::object{});
  }
  return std::nullopt;
}

} // namespace

relay_failure failure_of(const caf::error& why) { return {0, message_of(why), {}, why}; }

tool_result problem_result(const caf::error& why) {
  tool_result x;
  x.is_error = true;
  x.text = message_of(why);
  return x;
}

json::object catalogue_result(const tool_result& x) {
  auto read = [&](const std::string& structured) {
    return parse_json_object(
      mcp::call_tool_result({x.text, x.is_error, structured}, mcp::session_version_newest));
  };
  auto read_result = read(x.structured);
  if (!read_result) // nested too deeply to be read again: the text says the same
    read_result = read({});
  auto result = read_result ? std::move(*read_result) : json::object{{"isError", x.is_error}};
  result["resultType"] = "complete";
  return result;
}

void errand_state::start() {
  auto& what = args.what;
  auto read = parse_json_object(what.params.empty() ? "{}" : what.params);
  if (!read)
    return fail(read.error());
  params = std::move(*read);
  if (auto kind = mcp::kind_of_list(what.method); !kind.empty())
    return list(std::string{kind});
  if (what.method == mcp::method::listen)
    return listen();
  find_owner();
}

void errand_state::list(const std::string& kind) {
  self
    ->request(self->spawn(menu, menu_args{args.parts}), menu_timeout, atom::run_v, args.what.who,
              args.what.app, kind)
    .then(
      [this, kind](const std::string& text) {
        auto items =
          mcp::merge_items(read_shares(text), kind, mcp::tool_filter::read(args.what.who.tools));
        auto page = mcp::page_of(items, kind, params);
        if (!page)
          return fail(page.error());
        mcp::server_info server;
        server.version = args.parts.settings->version;
        done(json::serialize(mcp::complete_result(std::move(*page), server, true)));
      },
      [this](caf::error& x) { fail(store_error(std::move(x))); });
}

void errand_state::find_owner() {
  auto& what = args.what;
  auto named = [&](const char* member) { return find_string(params, member).value_or(""); };
  if (what.app != all_apps)
    return owned_by(what.app);
  if (what.method == mcp::method::tools_call)
    return look_up(std::string{mcp::listed::tools}, named("name"));
  if (what.method == mcp::method::prompts_get)
    return look_up(std::string{mcp::listed::prompts}, named("name"));
  if (what.method == mcp::method::resources_read)
    return look_up(std::string{mcp::listed::resources}, named("uri"));
  auto* ref = find_object(params, "ref");
  if (what.method != mcp::method::complete || !ref)
    return fail(make_problem(errc::unknown_method, "Unknown method: " + what.method));
  if (auto uri = find_string(*ref, "uri"))
    return look_up(std::string{mcp::listed::templates}, *uri);
  look_up(std::string{mcp::listed::prompts}, find_string(*ref, "name").value_or(""));
}

void errand_state::look_up(const std::string& kind, const std::string& wanted) {
  auto& what = args.what;
  if (wanted.empty())
    return fail(make_problem(errc::invalid_params, "The name or uri is missing.", "name"));
  self
    ->request(self->spawn(menu, menu_args{args.parts}), menu_timeout, atom::run_v, what.who,
              what.app, kind)
    .then(
      [this, kind, wanted](const std::string& text) {
        auto owner = mcp::owner_of(read_shares(text), kind, wanted);
        if (!owner.empty())
          return owned_by(owner);
        // A URI that is in no list may still come from a template.
        if (kind == mcp::listed::resources)
          return look_up(std::string{mcp::listed::templates}, wanted);
        fail(not_found(kind == mcp::listed::templates ? mcp::listed::resources : kind, wanted));
      },
      [this](caf::error& x) { fail(store_error(std::move(x))); });
}

void errand_state::owned_by(const std::string& app) {
  auto& what = args.what;
  bool ours = args.parts.catalogue->find_app(app) != nullptr;
  if (what.method == mcp::method::tools_call) {
    auto wanted = find_string(params, "name").value_or("");
    if (!mcp::tool_filter::read(what.who.tools).admits(app, wanted))
      return fail(mcp::unknown_tool(wanted));
    if (ours)
      return call_tool(app);
  } else if (ours) {
    return fail(make_problem(errc::unknown_method, "Unknown method: " + what.method));
  }
  relay(app);
}

// -- apps of the catalogue ----------------------------------------------------

void errand_state::call_tool(const std::string& app) {
  auto& what = args.what;
  auto call = mcp::parse_tool_call(params);
  if (!call)
    return fail(call.error());
  tool = self->spawn(tool_call, tool_call_args{args.parts});
  tool_job job{what.who, app, call->name, std::move(call->arguments), what.hold, what.request};
  job.keyed = what.keyed;
  job.is_request = true;
  self->request(tool, limits::tool_call_timeout, atom::run_v, std::move(job))
    .then(
      [this](const tool_result& result) {
        tool = tool_call_actor{};
        done(json::serialize(catalogue_result(result)), bill_of(result));
      },
      [this](caf::error& why) {
        if (code_of(why) == errc::timeout)
          self->send(tool, atom::cancel_v);
        tool = tool_call_actor{};
        // The user can mend this and the model can say so: a result, not an error (I49).
        if (code_of(why) == errc::app_not_connected)
          return done(json::serialize(catalogue_result(problem_result(why))));
        fail(why);
      });
}

// -- remote servers -----------------------------------------------------------

void errand_state::relay(const std::string& app) {
  auto& what = args.what;
  what.app = app;
  with_upstream(
    self, args.parts, what.who.platform, app,
    [this](const upstream_actor& found) {
      bool mirrors = args.what.takes_input_required && args.what.method == mcp::method::tools_call;
      if (mirrors)
        check_mirrored(found);
      else
        send(found, args.what);
    },
    [this](const caf::error& x) { fail(x); });
}

void errand_state::check_mirrored(const upstream_actor& upstream) {
  self
    ->request(upstream, limits::provider_call_timeout + limits::actor_timeout, atom::relay_list_v,
              args.what.who, std::string{mcp::listed::tools})
    .then(
      [this, upstream](const std::string& tools) {
        // Most servers have none, and a list is long: look before parsing.
        auto wrong = tools.find("x-mcp-header") == std::string::npos
                       ? std::nullopt
                       : mirror_problem(tools, params, args.what.mirrored);
        if (!wrong)
          return send(upstream, args.what);
        fail(relay_failure{mcp::code_header_mismatch, "Header mismatch: " + *wrong, {}, {}});
      },
      // A server that never said what its tools are: it checks by itself.
      [this, upstream](const caf::error&) { send(upstream, args.what); });
}

void errand_state::send(const upstream_actor& upstream, relay_request what) {
  what.number = ++legs_total;
  legs.push_back({what.number, upstream});
  self->monitor(upstream);
  self->send(upstream, atom::relay_v, std::move(what), relay_listener_actor{self});
}

void errand_state::listen() {
  auto begin = [this](const std::vector<std::string>& apps) {
    for (auto& app : apps) {
      if (args.parts.catalogue->find_app(app))
        continue; // what changes there, the owner hears by itself
      with_upstream(
        self, args.parts, args.what.who.platform, app,
        [this, app](const upstream_actor& found) {
          auto what = args.what;
          what.app = app;
          send(found, std::move(what));
        },
        [](const caf::error&) {}); // a server that is gone has no news
    }
  };
  if (args.what.app != all_apps)
    return begin({args.what.app});
  self
    ->request(self->spawn(menu, menu_args{args.parts}), menu_timeout, atom::run_v, args.what.who,
              args.what.app, std::string{"server"})
    .then(
      [begin](const std::string& text) {
        std::vector<std::string> apps;
        for (auto& share : read_shares(text))
          apps.push_back(share.app);
        begin(apps);
      },
      [](const caf::error&) {});
}

// -- what comes back ----------------------------------------------------------

void errand_state::on_ask(std::uint64_t leg_number, const std::string& ask,
                          const std::string& method, const std::string& its_params) {
  auto id = std::to_string(leg_number) + ':' + ask;
  asked.insert_or_assign(id, std::pair{leg_number, ask});
  self->send(args.owner, atom::relay_ask_v, args.what.number, id, method, its_params);
}

void errand_state::on_answer(relay_answer answer) {
  auto node = asked.extract(answer.ask);
  if (node.empty())
    return;
  auto& [number, ask] = node.mapped();
  auto found =
    std::find_if(legs.begin(), legs.end(), [&, n = number](const leg& x) { return x.number == n; });
  if (found == legs.end())
    return;
  answer.number = number;
  answer.ask = ask;
  self->send(found->upstream, atom::relay_v, std::move(answer), relay_listener_actor{self});
}

void errand_state::leg_over(std::uint64_t number) {
  std::erase_if(legs, [&](const leg& x) { return x.number == number; });
}

void errand_state::done(std::string result, const relay_bill& bill) {
  self->send(args.owner, atom::relay_done_v, args.what.number, std::move(result), bill);
  self->quit();
}

void errand_state::fail(relay_failure why) {
  if (why.problem)
    args.parts.metrics->log_problem(args.what.request, why.problem);
  self->send(args.owner, atom::relay_fail_v, args.what.number, std::move(why));
  self->quit();
}

void errand_state::fail(const caf::error& why) { fail(failure_of(why)); }

void errand_state::stop() {
  if (tool)
    self->send(tool, atom::cancel_v);
  for (auto& x : legs)
    self->send(x.upstream, atom::relay_stop_v, x.number, relay_listener_actor{self});
  self->quit();
}

errand_actor::behavior_type errand(errand_actor::stateful_pointer<errand_state> self,
                                   errand_args args) {
  auto& state = self->state;
  state.args = std::move(args);
  self->monitor(state.args.owner);
  self->set_down_handler([self](const caf::down_msg& msg) {
    auto& st = self->state;
    if (msg.source == st.args.owner.address())
      return st.stop();
    // An upstream actor that ends owes us answers that nobody else gives.
    auto gone = std::erase_if(
      st.legs, [&](const errand_state::leg& x) { return x.upstream.address() == msg.source; });
    if (gone != 0 && st.args.what.method != mcp::method::listen)
      st.fail(make_problem(errc::mcp_unreachable, "The server cannot be reached. Try again."));
  });
  self->set_exit_handler([self](const caf::exit_msg&) { self->state.stop(); });
  state.start();
  return {
    [self](atom::relay_note, std::uint64_t, const std::string& method, const std::string& params) {
      auto& st = self->state;
      self->send(st.args.owner, atom::relay_note_v, st.args.what.number, method, params);
    },
    [self](atom::relay_ask, std::uint64_t number, const std::string& ask, const std::string& method,
           const std::string& params) { self->state.on_ask(number, ask, method, params); },
    [self](atom::relay_done, std::uint64_t number, const std::string& result,
           const relay_bill& bill) {
      self->state.leg_over(number);
      // A subscription of several servers goes on with the others.
      if (self->state.args.what.method != mcp::method::listen)
        self->state.done(result, bill);
    },
    [self](atom::relay_fail, std::uint64_t number, const relay_failure& why) {
      self->state.leg_over(number);
      if (self->state.args.what.method != mcp::method::listen)
        self->state.fail(why);
    },
    [self](atom::relay, const relay_answer& answer) { self->state.on_answer(answer); },
    [self](atom::cancel) { self->state.stop(); },
  };
}

caf::error name_keyed_call(relay_request& what, const json::object& params,
                           const http_headers& headers) {
  auto* meta = find_object(params, "_meta");
  auto key = idempotency::key_of(meta ? *meta : json::object{}, headers);
  if (!key)
    return key.error();
  if (!*key)
    return {};
  std::string input;
  for (auto* member : {"inputResponses", "requestState"})
    if (auto* given = find(params, member))
      input += (input.empty() ? "" : " ") + to_hex(sha256(json::serialize(*given)));
  what.hold = idempotency::hold_of_call(what.who, what.app, **key, input);
  what.keyed = true;
  return {};
}

} // namespace callboard
