#include "core/responses/loop.hpp"

#include <algorithm>
#include <utility>

namespace callboard::responses {
namespace {

/// A made-up name is repeated to the model, but not at any length.
constexpr std::size_t tool_name_bytes_max = 64;
constexpr std::string_view cut_note = "\n[The rest was cut off.]";

/// Cuts text to a number of bytes, not within a UTF-8 sequence, and says so.
std::string cut_text(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max)
    return text;
  auto size = bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
    --size;
  text.resize(size);
  return text.append(cut_note);
}

bool is_object_text(const std::string& arguments) {
  return arguments.empty() || parse_json_object(arguments);
}

} // namespace

loop::loop(loop_args args) : args_(std::move(args)), log_(args_.response_id, args_.request.stream) {
  state_.id = args_.response_id;
  state_.created_at = args_.created_at;
  state_.model = args_.model;
}

effects loop::start(std::int64_t now) {
  effects out;
  if (phase_ != phase::idle)
    return out;
  auto object = response_json(args_.request, state_);
  log_.lifecycle("response.created", object);
  log_.lifecycle("response.in_progress", object);
  items_ = std::move(args_.history);
  items_.insert(items_.end(), args_.request.input.items.begin(), args_.request.input.items.end());
  if (auto problem = check_pairing(items_)) {
    end_with(std::move(problem), out, now);
    return out;
  }
  for (auto& x : items_)
    if (auto* call = std::get_if<tool_call>(&x))
      call_ids_.insert(call->id);
  phase_ = phase::listing;
  listed_.resize(args_.request.servers.size());
  announce_lists(out, now);
  if (phase_ == phase::listing)
    for (std::size_t i = 0; i < listed_.size(); ++i)
      out.push_back(list_tools{i, args_.request.servers[i].label});
  return out;
}

effects loop::tools_listed(std::size_t server, std::vector<mcp_tool> tools, std::int64_t now) {
  effects out;
  if (phase_ != phase::listing || server >= listed_.size() || listed_[server])
    return out;
  listed_[server] = allowed_tools(args_.request.servers[server], tools);
  announce_lists(out, now);
  return out;
}

effects loop::tools_failed(std::size_t server, caf::error problem, std::int64_t now) {
  effects out;
  if (phase_ != phase::listing || server >= listed_.size() || listed_[server])
    return out;
  // The items stand in the order of the servers: those before the failed one are closed first.
  auto text = message_of(problem);
  while (lists_closed_ <= server) {
    if (listed_[lists_closed_])
      log_.close_list(*listed_[lists_closed_]);
    else
      log_.fail_list(lists_closed_ == server ? text : "The list did not arrive in time.");
    if (++lists_closed_ <= server)
      log_.open_list(args_.request.servers[lists_closed_].label);
  }
  end_with(std::move(problem), out, now);
  return out;
}

effects loop::text(const text_delta& delta) {
  effects out;
  if (phase_ != phase::thinking || delta.text.empty())
    return out;
  log_.add_text(delta);
  (delta.refusal ? refusal_seen_ : text_seen_) += delta.text.size();
  flush(out);
  return out;
}

effects loop::turn_finished(turn x, std::int64_t now) {
  effects out;
  if (phase_ != phase::thinking)
    return out;
  if (x.error) {
    end_with(std::move(x.error), out, now);
    return out;
  }
  complete_usage(x, body_);
  usage_ = turns_finished_++ == 0 ? x.usage : usage_ + x.usage;
  finish_text(x);
  make_ids_unique(x);
  bool has_function =
    std::any_of(x.calls.begin(), x.calls.end(), [&](auto& y) { return is_function(y.name); });
  if (x.finish == finish_reason::content_filter)
    complete("incomplete", "content_filter", out, now);
  else if (x.finish == finish_reason::length && is_cut(x))
    complete("incomplete", "max_output_tokens", out, now);
  else if (has_function)
    return_functions(x, out, now);
  else if (!x.calls.empty())
    begin_calls(x, out, now);
  else
    complete("completed", "", out, now);
  return out;
}

effects loop::tool_finished(std::size_t call, tool_outcome outcome, std::int64_t now) {
  effects out;
  if (phase_ != phase::calling || call < calls_base_ || call - calls_base_ >= calls_.size())
    return out;
  auto& state = calls_[call - calls_base_];
  if (state.outcome)
    return out;
  outcome.text = cut_text(std::move(outcome.text), args_.output_bytes_max);
  state.outcome = std::move(outcome);
  announce_calls();
  end_round(out, now);
  return out;
}

effects loop::failed(caf::error problem, std::int64_t now) {
  effects out;
  if (phase_ != phase::ended)
    end_with(std::move(problem), out, now);
  return out;
}

// -- listing ------------------------------------------------------------------

/// Lists are announced one after the other, in the order of the request, whatever the order in
/// which they arrive (facts responses.md 4.3).
void loop::announce_lists(effects& out, std::int64_t now) {
  auto& servers = args_.request.servers;
  if (lists_closed_ == 0 && !servers.empty() && !log_.is_open())
    log_.open_list(servers.front().label);
  while (lists_closed_ < servers.size() && listed_[lists_closed_]) {
    log_.close_list(*listed_[lists_closed_]);
    if (++lists_closed_ < servers.size())
      log_.open_list(servers[lists_closed_].label);
  }
  if (lists_closed_ < servers.size())
    return flush(out);
  for (auto& list : listed_)
    tools_.insert(tools_.end(), list->begin(), list->end());
  if (auto problem = check_tools(args_.request, tools_))
    end_with(std::move(problem), out, now);
  else
    begin_turn(out, now);
}

// -- turns --------------------------------------------------------------------

void loop::begin_turn(effects& out, std::int64_t now) {
  auto& bound = args_.request.max_output_tokens;
  if (bound && usage_.output >= *bound)
    return complete("incomplete", "max_output_tokens", out, now);
  auto& calls_max = args_.request.max_tool_calls;
  chat_round round;
  round.first = iteration_ == 0;
  round.output_tokens_used = usage_.output;
  round.no_more_tools = calls_max && tool_calls_run_ >= *calls_max;
  body_ = chat_body(args_.request, items_, tools_, args_.chat, round);
  phase_ = phase::thinking;
  text_seen_ = 0;
  refusal_seen_ = 0;
  ++iteration_;
  flush(out);
  out.push_back(
    invoke_model{iteration_, body_, estimate_input_tokens(body_), output_tokens_bound(body_)});
}

/// A turn that was not streamed brings its text only now.
void loop::finish_text(const turn& x) {
  if (text_seen_ < x.text.size())
    log_.add_text({false, x.text.substr(text_seen_)});
  if (refusal_seen_ < x.refusal.size())
    log_.add_text({true, x.refusal.substr(refusal_seen_)});
}

/// llama.cpp says "length" for every end that is not a stop word, so whole calls count (facts
/// responses.md 9.2); calls that were cut off do not.
bool loop::is_cut(const turn& x) const {
  return x.calls.empty() || !std::all_of(x.calls.begin(), x.calls.end(), [](auto& call) {
           return is_object_text(call.arguments);
         });
}

/// Upstreams may count their ids anew in every turn ("call_0"); a conversation needs them unique.
void loop::make_ids_unique(turn& x) {
  for (auto& call : x.calls) {
    while (call.id.empty() || call_ids_.contains(call.id))
      call.id = log_.ids().next(id_kind::call);
    call_ids_.insert(call.id);
  }
}

/// A turn with a function call ends the loop; MCP calls beside it are neither run nor mentioned
/// (R125, R126, C24).
void loop::return_functions(const turn& x, effects& out, std::int64_t now) {
  log_.close_message("completed");
  for (auto& call : x.calls)
    if (is_function(call.name))
      log_.add_function_call(call);
  complete("completed", "", out, now);
}

// -- MCP calls ----------------------------------------------------------------

void loop::begin_calls(const turn& x, effects& out, std::int64_t now) {
  log_.close_message("completed");
  if (iteration_ >= args_.iterations_max)
    return end_with(make_problem(errc::max_iterations_exceeded,
                                 "The model still asked for tools in its last turn."),
                    out, now);
  if (!x.text.empty() || !x.refusal.empty())
    items_.push_back(
      message{message::speaker::assistant, {{content_part::kind::text, x.text + x.refusal, {}}}});
  phase_ = phase::calling;
  calls_base_ += calls_.size();
  calls_.clear();
  calls_closed_ = 0;
  effects runs;
  for (auto& call : x.calls)
    plan_call(call, runs);
  announce_calls();
  flush(out);
  out.insert(out.end(), std::make_move_iterator(runs.begin()), std::make_move_iterator(runs.end()));
  end_round(out, now);
}

/// Decides what becomes of a call: run it, or answer the model at once why not.
void loop::plan_call(const tool_call& call, effects& runs) {
  call_state state;
  state.call = call;
  if (state.call.arguments.empty())
    state.call.arguments = "{}";
  auto* tool = find_tool(call.name);
  auto arguments = parse_json_object(state.call.arguments);
  auto& calls_max = args_.request.max_tool_calls;
  auto refuse = [&](std::string text) { state.outcome = tool_outcome{true, std::move(text)}; };
  if (tool) {
    state.label = tool->server_label;
    state.item_id = log_.ids().next(id_kind::mcp_call);
  }
  if (!tool)
    refuse("There is no tool with the name " + cut_text(call.name, tool_name_bytes_max) + '.');
  else if (!may_call(args_.request.choice, tool->server_label, tool->name))
    refuse("The request does not allow calls of this tool.");
  else if (!arguments)
    refuse("The arguments are not a valid JSON object.");
  else if (calls_.size() >= args_.turn_calls_max)
    refuse("Too many tool calls in one turn: this one was not run.");
  else if (calls_max && tool_calls_run_ >= *calls_max)
    refuse("The request allows no more tool calls: this one was not run.");
  if (!state.outcome) {
    ++tool_calls_run_;
    runs.push_back(run_tool{calls_base_ + calls_.size(), state.item_id, state.label,
                            state.call.name, std::move(*arguments)});
  }
  calls_.push_back(std::move(state));
}

/// The events of one item stand together, in the model's order (I77): the first call without an
/// outcome is the only open item.
void loop::announce_calls() {
  for (; calls_closed_ < calls_.size(); ++calls_closed_) {
    auto& x = calls_[calls_closed_];
    bool is_item = !x.label.empty();
    if (is_item && !x.announced) {
      log_.open_call(x.item_id, x.label, x.call.name, x.call.arguments);
      x.announced = true;
    }
    if (!x.outcome)
      break;
    close_call(x);
  }
}

void loop::close_call(const call_state& x) {
  if (x.label.empty())
    return;
  if (x.outcome->failed)
    log_.fail_call(x.outcome->text);
  else
    log_.close_call(x.outcome->text);
}

void loop::end_round(effects& out, std::int64_t now) {
  if (calls_closed_ < calls_.size())
    return flush(out);
  for (auto& x : calls_)
    items_.push_back(x.call);
  for (auto& x : calls_)
    items_.push_back(tool_output{x.call.id, x.outcome->text});
  begin_turn(out, now);
}

// -- the end ------------------------------------------------------------------

void loop::complete(std::string status, std::string reason, effects& out, std::int64_t now) {
  auto& items = log_.items();
  // An answer without any text is an empty message, not a missing one.
  bool has_answer =
    !items.empty() && iteration_ > 0 && items.back().at("type").as_string() == "function_call";
  if (status == "completed" && !has_answer)
    log_.open_message();
  log_.close_message(status);
  state_.status = std::move(status);
  state_.incomplete_reason = std::move(reason);
  state_.completed_at = now;
  state_.output = log_.items();
  state_.with_usage = true;
  state_.usage = usage_;
  auto object = response_json(args_.request, state_);
  log_.lifecycle("response." + state_.status, object);
  log_.done();
  phase_ = phase::ended;
  flush(out);
  out.push_back(succeed{std::move(object)});
}

void loop::end_with(caf::error problem, effects& out, std::int64_t now) {
  // Money that runs out after the first turn has one code for all reasons (C27).
  auto code = code_of(problem);
  if (turns_finished_ > 0 && kind_of(code) == "payment_required" && code != errc::payment_required)
    problem =
      with_details(make_problem(errc::payment_required, message_of(problem), to_string(code)),
                   details_of(problem));
  // Calls that were not announced yet, but have run, belong to the record.
  log_.abandon(message_of(problem));
  if (phase_ == phase::calling)
    for (auto i = calls_closed_ + 1; i < calls_.size(); ++i) {
      auto& x = calls_[i];
      if (!x.outcome || x.label.empty())
        continue;
      log_.open_call(x.item_id, x.label, x.call.name, x.call.arguments);
      close_call(x);
    }
  state_.status = "failed";
  state_.error = problem;
  state_.completed_at = now;
  state_.output = log_.items();
  state_.with_usage = true;
  state_.usage = usage_;
  auto object = response_json(args_.request, state_);
  log_.error(problem);
  log_.lifecycle("response.failed", object);
  log_.done();
  phase_ = phase::ended;
  flush(out);
  out.push_back(fail{std::move(problem), std::move(object)});
}

void loop::flush(effects& out) {
  for (auto& frame : log_.take_frames())
    out.push_back(emit{std::move(frame)});
}

bool loop::is_function(std::string_view name) const {
  auto& functions = args_.request.functions;
  return may_call(args_.request.choice, "", name)
         && std::any_of(functions.begin(), functions.end(),
                        [&](auto& x) { return x.name == name; });
}

const mcp_tool* loop::find_tool(std::string_view name) const {
  auto found = std::find_if(tools_.begin(), tools_.end(), [&](auto& x) { return x.name == name; });
  return found == tools_.end() ? nullptr : &*found;
}

} // namespace callboard::responses
