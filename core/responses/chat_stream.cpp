#include "core/responses/chat_stream.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace callboard::responses {
namespace {

/// A message of an upstream as passed on; whole HTML pages are of no use to anybody.
constexpr std::size_t error_text_bytes_max = 500;

std::size_t first_not_blank(std::string_view text) {
  auto i = text.find_first_not_of(" \t\r\n");
  return i == std::string_view::npos ? text.size() : i;
}

/// The text of a string member, or of an array of text parts, as some upstreams send content.
std::string text_of(const json::value* x) {
  if (!x)
    return {};
  if (auto* text = x->if_string())
    return to_std(*text);
  std::string out;
  if (auto* parts = x->if_array())
    for (auto& part : *parts)
      if (auto* object = part.if_object())
        out += find_string(*object, "text").value_or(std::string{});
  return out;
}

/// What an upstream said about an error, whatever the shape.
struct upstream_problem {
  std::string text;
  std::string code;
  std::string type;

  explicit upstream_problem(const json::value& error) {
    if (auto* plain = error.if_string()) {
      text = to_std(*plain);
    } else if (auto* object = error.if_object()) {
      text = text_of(find(*object, "message"));
      type = text_of(find(*object, "type"));
      if (auto* x = find(*object, "code"))
        code = x->is_string() ? text_of(x) : json::serialize(*x);
    }
  }

  bool about_credentials() const {
    auto has = [](std::string_view where, std::string_view what) {
      return where.find(what) != std::string_view::npos;
    };
    return code == "401" || code == "403" || has(code, "api_key") || has(type, "authentication")
           || has(type, "permission");
  }

  bool about_rate() const {
    return code == "429" || code == "rate_limit_exceeded" || type == "rate_limit_error"
           || type == "rate_limit_exceeded";
  }

  std::string shown() const {
    if (about_credentials())
      return "The model server refused our credentials.";
    if (text.empty())
      return "The model server reported an error.";
    auto cut = text.substr(0, error_text_bytes_max);
    while (cut.size() < text.size() && !cut.empty()
           && (static_cast<unsigned char>(text[cut.size()]) & 0xc0) == 0x80)
      cut.pop_back(); // not within a UTF-8 sequence
    return "The model server reported an error: " + cut;
  }
};

std::int64_t estimate_output_tokens(const turn& x) {
  auto bytes = x.text.size() + x.refusal.size() + x.reasoning.size();
  for (auto& call : x.calls)
    bytes += call.name.size() + call.arguments.size();
  return estimate_tokens(bytes);
}

} // namespace

void complete_usage(turn& x, const json::object& chat_body) {
  auto& usage = x.usage;
  if (usage.estimated)
    return; // asked again: what was paid is what is told
  // Some servers count 0 until their last word.
  if (!usage.input_reported || (!x.usage_final && usage.input == 0)) {
    usage.input = estimate_input_tokens(chat_body);
    usage.estimated = true;
  }
  auto output = estimate_output_tokens(x);
  if (!usage.output_reported || (!x.usage_final && usage.output < output)) {
    usage.output = output;
    usage.estimated = true;
  }
}

chat_stream::chat_stream(chat_stream_limits bounds) : bounds_(bounds), parser_(bounds.bytes_max) {}

stream_progress chat_stream::feed(std::string_view bytes) {
  stream_progress out;
  if (failed() || done_)
    return out;
  bytes_ += bytes.size();
  if (bytes_ > bounds_.bytes_max) {
    fail(errc::response_too_large, "The answer of the model server is too large.");
    return out;
  }
  if (form_ == form::unknown) {
    // Blank lines may stand before either form (facts responses.md 9.2, DeepSeek).
    bytes.remove_prefix(first_not_blank(bytes));
    if (bytes.empty())
      return out;
    form_ = bytes.front() == '{' || bytes.front() == '[' ? form::document : form::events;
  }
  if (form_ == form::document) {
    document_ += bytes;
    return out;
  }
  auto events = parser_.feed(bytes);
  if (!events) {
    fail(errc::response_too_large, message_of(events.error()));
    return out;
  }
  for (auto& event : *events)
    take_event(event.data, out);
  return out;
}

turn chat_stream::finish(caf::error transport, stream_progress* last) {
  stream_progress ignored;
  auto& out = last ? *last : ignored;
  if (form_ == form::document && !transport)
    take_event(document_, out);
  else if (form_ == form::events && !transport)
    if (auto event = parser_.finish())
      take_event(event->data, out);
  if (!transport)
    turn_.usage_final = finished_;
  if (!failed() && !finished_) {
    if (transport)
      turn_.error = std::move(transport);
    else
      fail(errc::upstream_failed, "The model server ended its answer too early.");
  }
  complete_ids();
  return std::move(turn_);
}

void chat_stream::take_event(std::string_view data, stream_progress& out) {
  if (failed() || done_)
    return;
  data.remove_prefix(first_not_blank(data));
  if (data.empty())
    return;
  if (data.starts_with("[DONE]")) {
    done_ = true;
    turn_.usage_final = finished_;
    return;
  }
  auto chunk = parse_json(data);
  auto* object = chunk ? chunk->if_object() : nullptr;
  // Gemini wraps its errors into an array of one.
  if (chunk && chunk->is_array() && !chunk->get_array().empty())
    object = chunk->get_array().front().if_object();
  if (object)
    take_chunk(std::move(*object), out);
  else
    fail(errc::upstream_failed, "The model server sent something that is no JSON object.");
}

void chat_stream::take_chunk(json::object chunk, stream_progress& out) {
  if (take_error(chunk))
    return;
  auto* usage = find_object(chunk, "usage");
  if (usage)
    read_chat_usage(*usage, turn_.usage);
  if (auto* choices = find_array(chunk, "choices"))
    for (auto& choice : *choices)
      // One choice is asked for; others would mix their texts.
      if (auto* object = choice.if_object();
          object && find_integer(*object, "index").value_or(0) == 0)
        take_choice(*object, out);
  // Some servers break the connection off right after it.
  turn_.usage_final = turn_.usage_final || (usage && finished_);
  if (bounds_.keep_chunks && !failed())
    out.chunks.push_back(std::move(chunk));
}

void chat_stream::take_choice(const json::object& choice, stream_progress& out) {
  // The same chunk may hold the last content and the finish reason, so content comes first.
  if (auto* delta = find_object(choice, "delta"))
    take_delta(*delta, out);
  else if (auto* message = find_object(choice, "message"))
    take_delta(*message, out);
  if (auto reason = find_string(choice, "finish_reason"); reason && !failed())
    take_finish(*reason);
}

void chat_stream::take_delta(const json::object& delta, stream_progress& out) {
  auto reasoning = text_of(find(delta, "reasoning_content"));
  turn_.reasoning += reasoning.empty() ? text_of(find(delta, "reasoning")) : reasoning;
  if (auto text = text_of(find(delta, "content")); !text.empty()) {
    turn_.text += text;
    out.deltas.push_back({false, std::move(text)});
  }
  if (auto refusal = text_of(find(delta, "refusal")); !refusal.empty()) {
    turn_.refusal += refusal;
    out.deltas.push_back({true, std::move(refusal)});
  }
  if (auto* calls = find_array(delta, "tool_calls"))
    for (auto& call : *calls)
      if (auto* object = call.if_object(); object && !failed())
        take_call(*object);
  // The form before tool_calls: one call, not wrapped.
  if (auto* call = find_object(delta, "function_call"))
    take_call(json::object{{"index", 0}, {"function", *call}});
}

void chat_stream::take_call(const json::object& delta) {
  auto id = text_of(find(delta, "id"));
  auto* function = find_object(delta, "function");
  auto name = function ? text_of(find(*function, "name")) : std::string{};
  auto slot = call_slot(delta, id, name);
  if (failed())
    return;
  auto& call = turn_.calls[slot];
  if (call.id.empty())
    call.id = id;
  if (call.name.empty())
    call.name = name;
  auto* arguments = function ? find(*function, "arguments") : nullptr;
  if (!arguments || arguments->is_null())
    return;
  // An object instead of its text is not OpenAI's form, but unambiguous.
  call.arguments +=
    arguments->is_string() ? to_std(arguments->get_string()) : json::serialize(*arguments);
}

std::size_t chat_stream::call_slot(const json::object& delta, std::string_view id,
                                   std::string_view name) {
  auto is_other = [&](const tool_call& call) {
    return !id.empty() && !call.id.empty() && call.id != id;
  };
  if (auto index = find_integer(delta, "index")) {
    auto known = call_of_index_.find(*index);
    if (known != call_of_index_.end() && !is_other(turn_.calls[known->second]))
      return known->second;
    // A new id at an occupied index is another call (Ollama sends index 0 for all).
    auto slot = open_call();
    call_of_index_[*index] = slot;
    return slot;
  }
  if (turn_.calls.empty())
    return open_call();
  auto& last = turn_.calls.back();
  if (!id.empty())
    return last.id == id ? turn_.calls.size() - 1 : open_call();
  // Neither index nor id: a continuation, unless it brings a name while the last call is whole.
  bool next_call = !name.empty() && !last.name.empty() && parse_json_object(last.arguments);
  return next_call ? open_call() : turn_.calls.size() - 1;
}

std::size_t chat_stream::open_call() {
  if (turn_.calls.size() >= bounds_.calls_max) {
    fail(errc::response_too_large, "The model called too many tools in one turn.");
    return 0;
  }
  turn_.calls.emplace_back();
  return turn_.calls.size() - 1;
}

void chat_stream::take_finish(std::string_view reason) {
  if (reason.empty())
    return;
  if (reason == "error") {
    fail(errc::upstream_failed, "The model server reported an error.");
    return;
  }
  finished_ = true;
  if (reason == "length" || reason == "max_tokens")
    turn_.finish = finish_reason::length;
  else if (reason == "content_filter")
    turn_.finish = finish_reason::content_filter;
  else
    turn_.finish = finish_reason::stop; // whether tools were called is seen from the calls
}

bool chat_stream::take_error(const json::object& chunk) {
  auto* error = find(chunk, "error");
  bool flat = find_string(chunk, "object") == "error";
  if (!flat && (!error || error->is_null()))
    return false;
  upstream_problem problem{error && !error->is_null() ? *error : json::value(chunk)};
  fail(problem.about_rate() ? errc::rate_limited : errc::upstream_failed, problem.shown());
  return true;
}

void chat_stream::fail(errc code, std::string text) {
  if (!failed())
    turn_.error = make_problem(code, std::move(text));
}

void chat_stream::complete_ids() {
  std::set<std::string> ids;
  for (auto& call : turn_.calls)
    if (!ids.insert(call.id).second)
      call.id.clear(); // the same id twice is no id
  std::size_t count = 0;
  for (auto& call : turn_.calls) {
    while (call.id.empty()) {
      auto id = "call_" + std::to_string(count++);
      if (ids.insert(id).second)
        call.id = std::move(id);
    }
  }
}

caf::error upstream_status_error(int status, std::string_view body) {
  auto document = parse_json_object(body);
  auto* error = document ? find(*document, "error") : nullptr;
  auto shown = [&] {
    upstream_problem problem{error ? *error : document ? json::value(*document) : json::value{}};
    return problem.shown();
  };
  switch (status) {
  case 400:
  case 413:
  case 422:
    return make_problem(errc::bad_request, shown());
  case 401:
  case 403:
    return make_problem(errc::upstream_failed, "The model server refused our credentials.");
  case 429:
    return make_problem(errc::rate_limited, "The model server is over its rate limit.");
  default:
    return make_problem(errc::upstream_failed, shown());
  }
}

} // namespace callboard::responses
