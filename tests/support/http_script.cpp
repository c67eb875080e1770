#include "tests/support/http_script.hpp"

#include <caf/all.hpp>

namespace callboard {

scripted_answer answer_json(int status, std::string body, http_headers headers) {
  headers.push_back({"Content-Type", "application/json"});
  return {status, std::move(headers), {std::move(body)}, {}, true, true};
}

scripted_answer answer_nothing(errc why) {
  return {0, {}, {}, make_problem(why, "scripted"), true, false};
}

scripted_answer answer_never() { return {0, {}, {}, {}, false, false}; }

void http_script::answer(const std::string& part_of_url, std::vector<scripted_answer> list) {
  std::erase_if(answers, [&](auto& x) { return x.first == part_of_url; });
  answers.emplace_back(part_of_url, std::deque<scripted_answer>{list.begin(), list.end()});
}

std::vector<fetch_request> http_script::requests_to(const std::string& part_of_url) const {
  std::vector<fetch_request> found;
  for (auto& x : requests)
    if (x.message.url.find(part_of_url) != std::string::npos)
      found.push_back(x);
  return found;
}

namespace {

scripted_answer next_answer(http_script& script, const fetch_request& request) {
  script.requests.push_back(request);
  script.log->push_back("http " + request.message.method + ' ' + request.message.url);
  if (script.on_request)
    if (auto x = script.on_request(request))
      return std::move(*x);
  for (auto& [part, list] : script.answers) {
    if (request.message.url.find(part) == std::string::npos)
      continue;
    auto x = list.front();
    if (list.size() > 1)
      list.pop_front();
    return x;
  }
  return answer_nothing(errc::upstream_unavailable);
}

caf::result<http_response> fetch(fake_http_actor::stateful_pointer<fake_http_state> self,
                                 const fetch_request& request) {
  auto x = next_answer(*self->state.script, request);
  if (!x.ends) {
    auto promise = self->make_response_promise<http_response>();
    self->state.waiting.emplace(request.id, promise);
    return promise;
  }
  if (x.end)
    return x.end;
  http_response answer{x.status, x.headers, {}};
  for (auto& piece : x.pieces)
    answer.body += piece;
  return answer;
}

void stream(fake_http_actor::stateful_pointer<fake_http_state> self, const fetch_request& request,
            const fetch_listener_actor& listener) {
  auto& script = *self->state.script;
  script.listeners[request.id] = listener;
  auto x = next_answer(script, request);
  if (x.begins)
    self->send(listener, atom::head_v, request.id, http_response{x.status, x.headers, {}});
  for (auto& piece : x.pieces)
    self->send(listener, atom::chunk_v, request.id, piece);
  if (x.ends)
    self->send(listener, atom::done_v, request.id, x.end);
}

} // namespace

fake_http_actor::behavior_type fake_http(fake_http_actor::stateful_pointer<fake_http_state> self,
                                         std::shared_ptr<http_script> script) {
  self->state.script = std::move(script);
  return {
    [self](atom::fetch, const fetch_request& request) { return fetch(self, request); },
    [self](atom::stream, const fetch_request& request, const fetch_listener_actor& listener) {
      stream(self, request, listener);
    },
    [self](atom::cancel, fetch_id id) {
      auto& st = self->state;
      st.script->cancelled.push_back(id);
      auto node = st.waiting.extract(id);
      if (!node.empty())
        node.mapped().deliver(make_problem(errc::cancelled, "scripted"));
    },
    [self](atom::done, fetch_id id, const http_response& answer) {
      auto node = self->state.waiting.extract(id);
      if (!node.empty())
        node.mapped().deliver(answer);
    },
  };
}

} // namespace callboard
