#include "actors/remote_tool_call.hpp"

#include "actors/look_up.hpp"
#include "actors/promise_book.hpp"
#include "actors/store_query.hpp"
#include "core/base/json_text.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/utf8.hpp"
#include "core/mcp/json_rpc.hpp"
#include "core/mcp/messages.hpp"
#include "core/mcp/remote_tools.hpp"

namespace callboard {
namespace {

/// The only request of this listener.
constexpr std::uint64_t only = 1;

relay_request relay_of(const tool_job& job) {
  relay_request x;
  x.number = only;
  x.who = job.who;
  x.app = job.app;
  x.method = mcp::method::tools_call;
  object_writer params;
  params.add_string("name", job.tool).add("arguments", json::serialize(job.arguments));
  x.params = std::move(params).finish();
  x.request = job.request;
  x.hold = job.hold;
  x.keyed = job.keyed;
  x.within_loop = !job.is_request;
  return x;
}

tool_result result_of(bool is_error, std::string text, std::string structured = {}) {
  tool_result x;
  x.is_error = is_error;
  x.text = std::move(text);
  x.structured = std::move(structured);
  return x;
}

/// A model gets as much text as a catalogue app would give it.
std::string shortened(const std::string& text) {
  auto kept = connectors::cut_text(text, limits::tool_output_bytes_max);
  return kept.size() == text.size() ? text : std::string{kept} + "\n[The result was cut here.]";
}

} // namespace

void remote_tool_call_state::start(const tool_job& wanted) {
  promise = self->make_response_promise<tool_result>();
  with_upstream(
    self, args.parts, wanted.who.platform, wanted.app,
    [this, relay = relay_of(wanted)](const upstream_actor& found) {
      if (!promise.pending())
        return; // cancelled meanwhile
      upstream = found;
      self->monitor(found);
      self->send(found, atom::relay_v, relay, relay_listener_actor{self});
    },
    [this](const caf::error& why) { deliver(why); });
}

void remote_tool_call_state::refuse_question(const std::string& ask) {
  relay_answer answer;
  answer.number = only;
  answer.ask = ask;
  answer.error = {mcp::code_unknown_method, "Nobody is there who could answer.", {}, {}};
  self->send(upstream, atom::relay_v, answer, relay_listener_actor{self});
}

void remote_tool_call_state::answered(const std::string& text, const relay_bill& bill) {
  auto told = mcp::read_tool_text(text);
  auto outcome = result_of(told.is_error, shortened(told.text), told.structured);
  outcome.paid.charged = bill.charged;
  outcome.repeated = bill.repeated;
  outcome.waited = bill.waited;
  outcome.limits = bill.limits;
  deliver(std::move(outcome));
}

void remote_tool_call_state::failed(const relay_failure& failure) {
  if (failure.code != 0) // the model can mend what the server did not like (C29)
    return deliver(result_of(true, shortened(failure.message)));
  deliver(failure.problem);
}

void remote_tool_call_state::deliver(result<tool_result> outcome) {
  if (promise.pending()) {
    if (outcome)
      promise.deliver(std::move(*outcome));
    else
      promise.deliver(std::move(outcome.error()));
  }
  upstream = upstream_actor{};
  self->quit();
}

void remote_tool_call_state::cancel(const caf::error& why) {
  if (upstream)
    self->send(upstream, atom::relay_stop_v, only, relay_listener_actor{self});
  deliver(why);
}

remote_tool_call_actor::behavior_type
remote_tool_call(remote_tool_call_actor::stateful_pointer<remote_tool_call_state> self,
                 remote_tool_call_args args) {
  self->state.args = std::move(args);
  self->set_exit_handler([self](const caf::exit_msg&) { self->state.cancel(ending()); });
  // One that ends owes us an answer that nobody else gives.
  self->set_down_handler([self](const caf::down_msg&) {
    self->state.deliver(
      make_problem(errc::mcp_unreachable, "The server cannot be reached. Try again."));
  });
  return {
    [self](atom::run, const tool_job& job) -> caf::result<tool_result> {
      self->state.start(job);
      return self->state.promise;
    },
    [self](atom::cancel) {
      self->state.cancel(make_problem(errc::cancelled, "The call was cancelled."));
    },
    [](atom::tick) {},
    [](atom::relay_note, std::uint64_t, const std::string&, const std::string&) {},
    [self](atom::relay_ask, std::uint64_t, const std::string& ask, const std::string&,
           const std::string&) { self->state.refuse_question(ask); },
    [self](atom::relay_done, std::uint64_t, const std::string& text, const relay_bill& bill) {
      self->state.answered(text, bill);
    },
    [self](atom::relay_fail, std::uint64_t, const relay_failure& failure) {
      self->state.failed(failure);
    },
  };
}

} // namespace callboard
