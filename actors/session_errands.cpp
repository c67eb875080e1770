// What a session does for remote servers: it passes requests on, and questions and news back.

#include <algorithm>
#include <utility>

#include "actors/errand.hpp"
#include "actors/menu.hpp"
#include "actors/session.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/stateless.hpp"

namespace callboard {
namespace {

/// Questions to the client that may be open at once; what is beyond is refused.
constexpr std::size_t questions_max = 32;

json::object object_or_empty(const std::string& text) {
  auto x = parse_json_object(text.empty() ? "{}" : text);
  return x ? std::move(*x) : json::object{};
}

} // namespace

relay_request session_state::errand_for(const principal& who, std::string method,
                                        std::string params) {
  relay_request what;
  what.number = next_number();
  what.who = who;
  what.app = args.record.app;
  what.method = std::move(method);
  what.params = std::move(params);
  what.capabilities = args.record.capabilities;
  what.log_level = std::string{mcp::to_string(level)};
  return what;
}

void session_state::send_errand(const exchange_ptr& x, const mcp::rpc_request& request) {
  bool call = request.method == mcp::method::tools_call;
  if ((call && answer_again(x, request)) || refuse_id(x, request))
    return;
  auto what = errand_for(x->post->who, request.method, json::serialize(request.params));
  what.request = x->post->call->id;
  if (call)
    if (auto problem = name_keyed_call(what, request.params, x->post->call->headers))
      return answer(x, mcp::encode_error(request.id, problem));
  auto number = what.number;
  auto actor =
    self->spawn(errand, errand_args{args.parts, std::move(what), relay_listener_actor{self}});
  calls.emplace(request.id.key(), running{{}, x, request.id, actor, number});
  watch(x);
}

session_state::running* session_state::running_errand(std::uint64_t number) {
  auto i = std::find_if(calls.begin(), calls.end(),
                        [&](auto& entry) { return entry.second.errand_number == number; });
  return i == calls.end() ? nullptr : &i->second;
}

void session_state::on_note(std::uint64_t number, const std::string& method,
                            const std::string& text) {
  auto params = object_or_empty(text);
  if (method == mcp::method::log) {
    auto its_level = mcp::parse_set_level(params);
    if (!its_level || *its_level < level)
      return;
  }
  if (number == listener_number) {
    if (method != mcp::method::acknowledged)
      notify(mcp::encode_notification(method, params));
    return;
  }
  auto* call = running_errand(number);
  // A client that takes JSON alone gets the result without the notes on the way to it.
  if (!call || !call->origin->post->forms.event_stream)
    return;
  begin_stream(call->origin);
  emit(call->origin->stream, call->origin->call, mcp::encode_notification(method, params));
}

void session_state::refuse_ask(const errand_actor& errand, std::uint64_t number,
                               const std::string& ask, const std::string& why) {
  relay_answer answer;
  answer.number = number;
  answer.ask = ask;
  answer.error = {mcp::code_unknown_method, why, {}, {}};
  self->send(errand, atom::relay_v, std::move(answer));
}

void session_state::on_ask(std::uint64_t number, const std::string& ask, const std::string& method,
                           const std::string& params) {
  auto* call = running_errand(number);
  auto capability = mcp::capability_of(method);
  if (!call)
    return;
  bool may = !capability.empty()
             && mcp::declares(object_or_empty(args.record.capabilities), capability)
             && call->origin->post->forms.event_stream && questions.size() < questions_max;
  if (!may)
    return refuse_ask(call->errand, number, ask, "The client does not support " + method);
  // The question travels on the stream of the request that it belongs to (L9).
  mcp::rpc_id id{"ask-" + std::to_string(next_number())};
  questions.emplace(id.key(), question{number, ask, call->errand});
  begin_stream(call->origin);
  emit(call->origin->stream, call->origin->call,
       mcp::encode_request(id, method, object_or_empty(params)));
}

void session_state::handle_response(const mcp::rpc_response& response) {
  auto node = questions.extract(response.id.key());
  if (node.empty())
    return; // an answer to nothing is taken and forgotten
  auto& asked = node.mapped();
  relay_answer answer;
  answer.number = asked.errand_number;
  answer.ask = asked.ask;
  if (response.result) {
    answer.result = json::serialize(*response.result);
  } else {
    auto& error = *response.error;
    answer.error.code = find_integer(error, "code").value_or(mcp::code_internal);
    answer.error.message = find_string(error, "message").value_or("");
    if (auto* data = find(error, "data"))
      answer.error.data = json::serialize(*data);
  }
  self->send(asked.errand, atom::relay_v, std::move(answer));
}

void session_state::on_done(std::uint64_t number, const std::string& text, const relay_bill& bill) {
  auto* call = running_errand(number);
  if (!call)
    return; // cancelled
  std::erase_if(questions, [&](auto& x) { return x.second.errand_number == number; });
  auto x = call->origin;
  auto id = call->id;
  calls.erase(id.key());
  tell_bill(x, bill);
  answer(x, mcp::encode_result(id, mcp::session_result(object_or_empty(text))));
}

void session_state::on_fail(std::uint64_t number, const relay_failure& why) {
  if (number == listener_number) {
    listener = errand_actor{};
    return;
  }
  auto* call = running_errand(number);
  if (!call)
    return;
  std::erase_if(questions, [&](auto& x) { return x.second.errand_number == number; });
  auto x = call->origin;
  auto id = call->id;
  if (why.code == 0)
    return request_failed(id, why.problem);
  calls.erase(id.key());
  json::value data;
  if (auto read = parse_json(why.data); !why.data.empty() && read)
    data = std::move(*read);
  answer(x, mcp::encode_error(id, static_cast<int>(why.code), why.message, data));
}

void session_state::subscribe(const exchange_ptr& x, const mcp::rpc_request& request, bool wanted) {
  auto uri = find_string(request.params, "uri");
  if (!uri || uri->empty())
    return answer(x, mcp::encode_error(request.id, mcp::code_invalid_params, "uri is missing."));
  auto there = std::find(subscribed.begin(), subscribed.end(), *uri);
  if (wanted && there == subscribed.end()) {
    if (subscribed.size() >= mcp::listen_uris_max)
      return answer(
        x, mcp::encode_error(
             request.id, make_problem(errc::over_limit, "Too many resources are subscribed to.")));
    subscribed.push_back(std::move(*uri));
  } else if (!wanted && there != subscribed.end()) {
    subscribed.erase(there);
  }
  answer(x, mcp::encode_result(request.id, json::object{}));
  listen();
}

/// Begins anew to listen to the remote servers behind the endpoint, with what is wanted now.
void session_state::listen() {
  if (is_catalogue())
    return;
  if (listener)
    self->send(std::exchange(listener, {}), atom::cancel_v);
  if (!stream)
    return; // nobody could be told
  json::object wanted{
    {"toolsListChanged", true}, {"promptsListChanged", true}, {"resourcesListChanged", true}};
  if (!subscribed.empty()) {
    json::array uris;
    for (auto& uri : subscribed)
      uris.emplace_back(uri);
    wanted["resourceSubscriptions"] = std::move(uris);
  }
  auto what = errand_for(stream->who, std::string{mcp::method::listen},
                         json::serialize(json::object{{"notifications", std::move(wanted)}}));
  listener_number = what.number;
  listener =
    self->spawn(errand, errand_args{args.parts, std::move(what), relay_listener_actor{self}});
}

} // namespace callboard
