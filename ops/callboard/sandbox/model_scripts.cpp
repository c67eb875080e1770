#include "ops/callboard/sandbox/model_scripts.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/http_message.hpp"

namespace callboard::sandbox {

namespace {

/// Long enough for a result, short enough for an answer.
constexpr std::size_t quoted_bytes_max = 2000;
constexpr std::int64_t pause_ms_default = 200;
constexpr std::int64_t long_text_bytes_default = 100'000;
constexpr std::int64_t long_text_bytes_max = 64ll * 1024 * 1024;
/// Marks the tools of the node's own apps, as opposed to functions of the client.
constexpr std::string_view app_tool_prefix = "github_";

std::int64_t number_or(std::string_view text, std::int64_t otherwise) {
  std::int64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::max<std::int64_t>(0, value);
}

model_turn say(std::string text) {
  model_turn turn;
  turn.text = std::move(text);
  return turn;
}

model_turn call(std::vector<model_call> calls) {
  model_turn turn;
  turn.calls = std::move(calls);
  return turn;
}

/// An offered tool of that name; a node may put something in front of it.
std::optional<std::string> find_tool(const chat_request& x, std::string_view name) {
  for (const auto& tool : x.tools)
    if (tool == name)
      return tool;
  for (const auto& tool : x.tools)
    if (tool.ends_with(name))
      return tool;
  return std::nullopt;
}

bool is_app_tool(const std::string& name) {
  return name.find(app_tool_prefix) != std::string::npos;
}

/// The first offered tool that is, or is not, one of an app.
std::optional<std::string> first_tool(const chat_request& x, bool of_app) {
  const auto i = std::find_if(x.tools.begin(), x.tools.end(),
                              [of_app](const auto& name) { return is_app_tool(name) == of_app; });
  return i == x.tools.end() ? std::nullopt : std::optional{*i};
}

/// The end of a tool turn: what the tools said.
model_turn quote_results(const chat_request& x) {
  std::string text = "The tool answered:";
  for (const auto& result : x.tool_results())
    text += ' ' + result.substr(0, quoted_bytes_max);
  return say(std::move(text));
}

model_turn no_tool() { return say("No fitting tool was offered."); }

/// Calls that the user wrote down: [{"name":"x","arguments":{}}].
std::vector<model_call> listed_calls(const chat_request& x) {
  std::vector<model_call> calls;
  const auto list = parse_json(find_arguments(x.last_user_text()));
  if (list && list->is_array())
    for (const auto& item : list->get_array())
      if (item.is_object()) {
        const auto name = find_string(item.get_object(), "name").value_or("");
        const auto* arguments = find(item.get_object(), "arguments");
        calls.push_back({find_tool(x, name).value_or(name),
                         arguments ? json::serialize(*arguments) : std::string{"{}"}});
      }
  return calls;
}

std::string unquoted(std::string text) {
  text = std::string{trim(text)};
  const bool quoted = text.size() > 1 && (text.front() == '"' || text.front() == '\'');
  if (!quoted)
    return text;
  const auto end = text.find(text.front(), 1);
  return text.substr(1, end == std::string::npos ? end : end - 1);
}

/// An issue that the user wants.
struct wish {
  std::string owner;
  std::string repo;
  std::string title;
};

/// Reads "... in OWNER/REPO titled TITLE"; the title ends with the line, or with its quotes.
std::optional<wish> parse_wish(const std::string& text) {
  constexpr std::string_view before = "in ";
  constexpr std::string_view between = " titled ";
  const auto middle = text.find(between);
  if (middle == std::string::npos)
    return std::nullopt;
  const auto blank = text.find_last_of(" \t\r\n", middle - 1);
  const auto start = blank == std::string::npos ? 0 : blank + 1;
  const auto name = text.substr(start, middle - start);
  const auto slash = name.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == name.size()
      || !std::string_view{text}.substr(0, start).ends_with(before))
    return std::nullopt;
  const auto rest = text.substr(middle + between.size());
  const auto title = unquoted(rest.substr(0, rest.find_first_of("\r\n")));
  if (title.empty())
    return std::nullopt;
  return wish{name.substr(0, slash), name.substr(slash + 1), title};
}

model_turn play_issue(const chat_request& x, const script_argument&) {
  if (!x.tool_results().empty())
    return quote_results(x);
  const auto wanted = parse_wish(x.last_user_text());
  if (!wanted)
    return say("Say: open an issue in OWNER/REPO titled TITLE");
  const auto tool = find_tool(x, "github_create_issue");
  if (!tool)
    return no_tool();
  json::object arguments{{"title", wanted->title}};
  // Tools of other makers take the repository as one argument.
  if (x.takes(*tool, "repoFullname")) {
    arguments["repoFullname"] = wanted->owner + '/' + wanted->repo;
  } else {
    arguments["owner"] = wanted->owner;
    arguments["repo"] = wanted->repo;
  }
  return call({{*tool, json::serialize(arguments)}});
}

model_turn play_echo(const chat_request& x, const script_argument&) {
  return say(x.last_user_text());
}

model_turn play_tool(const chat_request& x, const script_argument& name) {
  if (!x.tool_results().empty())
    return quote_results(x);
  const auto tool = name.empty() && !x.tools.empty() ? x.tools.front() : find_tool(x, name);
  return tool ? call({{*tool, find_arguments(x.last_user_text())}}) : no_tool();
}

model_turn play_parallel(const chat_request& x, const script_argument&) {
  if (!x.tool_results().empty())
    return quote_results(x);
  if (auto calls = listed_calls(x); !calls.empty())
    return call(std::move(calls));
  if (x.tools.empty())
    return no_tool();
  const auto arguments = find_arguments(x.last_user_text());
  return call({{x.tools.front(), arguments}, {x.tools[x.tools.size() > 1 ? 1 : 0], arguments}});
}

model_turn play_mixed(const chat_request& x, const script_argument&) {
  if (!x.tool_results().empty())
    return quote_results(x);
  if (auto calls = listed_calls(x); !calls.empty())
    return call(std::move(calls));
  const auto function = first_tool(x, false);
  const auto app = first_tool(x, true);
  const auto arguments = find_arguments(x.last_user_text());
  return function && app ? call({{*function, "{}"}, {*app, arguments}}) : no_tool();
}

model_turn play_loop(const chat_request& x, const script_argument& name) {
  const auto tool = name.empty() && !x.tools.empty() ? x.tools.front() : find_tool(x, name);
  return tool ? call({{*tool, find_arguments(x.last_user_text())}}) : no_tool();
}

model_turn play_function(const chat_request& x, const script_argument&) {
  if (!x.tool_results().empty())
    return quote_results(x);
  const auto tool = first_tool(x, false);
  return tool ? call({{*tool, find_arguments(x.last_user_text())}}) : no_tool();
}

model_turn play_badargs(const chat_request& x, const script_argument&) {
  if (!x.tool_results().empty())
    return quote_results(x);
  return x.tools.empty() ? no_tool() : call({{x.tools.front(), R"({"title": "unfinis)"}});
}

model_turn play_madeup(const chat_request& x, const script_argument&) {
  return x.tool_results().empty() ? call({{"no_such_tool", "{}"}}) : quote_results(x);
}

model_turn play_slow(const chat_request& x, const script_argument& pause_ms) {
  auto turn = say("slowly: " + x.last_user_text());
  turn.pause = std::chrono::milliseconds{number_or(pause_ms, pause_ms_default)};
  return turn;
}

model_turn play_die(const chat_request& x, const script_argument&) {
  auto turn = say("this will not be finished: " + x.last_user_text());
  turn.end = ending::cut;
  return turn;
}

model_turn play_stall(const chat_request& x, const script_argument&) {
  auto turn = say("this will not be finished: " + x.last_user_text());
  turn.end = ending::hang;
  return turn;
}

model_turn play_error_midstream(const chat_request& x, const script_argument&) {
  auto turn = say("this will not be finished: " + x.last_user_text());
  turn.error_midstream = true;
  return turn;
}

model_turn play_length(const chat_request& x, const script_argument&) {
  auto turn = say(x.last_user_text());
  turn.finish_reason = "length";
  return turn;
}

model_turn play_content_filter(const chat_request& x, const script_argument&) {
  auto turn = say(x.last_user_text());
  turn.finish_reason = "content_filter";
  return turn;
}

model_turn play_no_usage(const chat_request& x, const script_argument&) {
  auto turn = say(x.last_user_text());
  turn.no_usage = true;
  return turn;
}

model_turn play_usage(const chat_request& x, const script_argument& numbers) {
  auto turn = say(x.last_user_text());
  const auto colon = std::min(numbers.find(':'), numbers.size());
  turn.usage = model_usage{
    number_or(std::string_view{numbers}.substr(0, colon), 0),
    number_or(std::string_view{numbers}.substr(std::min(colon + 1, numbers.size())), 0)};
  return turn;
}

model_turn play_refusal(const chat_request&, const script_argument&) {
  model_turn turn;
  turn.refusal = "I would rather not.";
  return turn;
}

model_turn play_reasoning(const chat_request& x, const script_argument&) {
  auto turn = say(x.last_user_text());
  turn.reasoning = "The user said something, so I say it again.";
  return turn;
}

model_turn play_empty(const chat_request&, const script_argument&) { return {}; }

model_turn play_long(const chat_request&, const script_argument& bytes) {
  const auto size = std::min(number_or(bytes, long_text_bytes_default), long_text_bytes_max);
  return say(std::string(static_cast<std::size_t>(size), 'x'));
}

constexpr model_script scripts[] = {
  {"sandbox-echo", "Says the user's last message.", play_echo},
  {"sandbox-issue",
   "\"... in OWNER/REPO titled TITLE\": calls github_create_issue, then quotes its result.",
   play_issue},
  {"sandbox-tool",
   ":NAME (or the first tool): calls it with the JSON between ``` fences or behind \"args:\", then "
   "quotes the result.",
   play_tool},
  {"sandbox-parallel",
   "Two calls in one turn: the fenced list [{\"name\",\"arguments\"}], or the first two tools.",
   play_parallel},
  {"sandbox-mixed",
   "A function of the client and a tool of an app (github_...) in one turn; or the fenced list.",
   play_mixed},
  {"sandbox-loop", ":NAME (or the first tool): calls it in every turn, for ever.", play_loop},
  {"sandbox-function", "Calls the first tool that is none of an app, then quotes the result.",
   play_function},
  {"sandbox-badargs", "Calls the first tool with arguments that are no JSON.", play_badargs},
  {"sandbox-madeup", "Calls a tool that nobody offered.", play_madeup},
  {"sandbox-slow", ":MS (200): pauses before each chunk.", play_slow},
  {"sandbox-die", "The connection breaks after half of the answer.", play_die},
  {"sandbox-stall", "Half of the answer, then nothing more.", play_stall},
  {"sandbox-error-midstream", "Half of the answer, an error event, [DONE].", play_error_midstream},
  {"sandbox-length", "Echo that ends with finish_reason length.", play_length},
  {"sandbox-content-filter", "Echo that ends with finish_reason content_filter.",
   play_content_filter},
  {"sandbox-no-usage", "Echo without usage.", play_no_usage},
  {"sandbox-usage", ":PROMPT:COMPLETION: echo with these token counts.", play_usage},
  {"sandbox-refusal", "Refuses.", play_refusal},
  {"sandbox-reasoning", "Thinks aloud (reasoning_content), then echoes.", play_reasoning},
  {"sandbox-empty", "Says nothing at all.", play_empty},
  {"sandbox-long", ":BYTES (100000): a long text.", play_long},
};

} // namespace

std::span<const model_script> model_scripts() { return scripts; }

std::optional<model_name> parse_model_name(std::string_view name) {
  model_name out;
  const auto plus = std::min(name.find('+'), name.size());
  const auto base = name.substr(0, plus);
  for (auto rest = name.substr(plus); !rest.empty();) {
    rest.remove_prefix(1);
    const auto end = std::min(rest.find('+'), rest.size());
    if (!set_quirk(out.quirks, rest.substr(0, end)))
      return std::nullopt;
    rest.remove_prefix(end);
  }
  const auto colon = std::min(base.find(':'), base.size());
  for (const auto& script : scripts)
    if (script.name == base.substr(0, colon))
      out.script = &script;
  if (out.script == nullptr)
    return std::nullopt;
  if (colon < base.size())
    out.argument = std::string{base.substr(colon + 1)};
  return out;
}

namespace {

/// Without white space at both ends, line breaks included.
std::string without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return std::string{text.substr(first, text.find_last_not_of(blanks) - first + 1)};
}

} // namespace

std::string find_arguments(const std::string& text) {
  constexpr std::string_view fence = "```";
  constexpr std::string_view label = "args:";
  if (const auto open = text.find(fence); open != std::string::npos) {
    auto begin = open + fence.size();
    while (begin < text.size() && std::isalpha(static_cast<unsigned char>(text[begin])) != 0)
      ++begin;
    const auto close = text.find(fence, begin);
    if (close != std::string::npos)
      return without_blanks(std::string_view{text}.substr(begin, close - begin));
  }
  if (const auto at = text.find(label); at != std::string::npos)
    return without_blanks(std::string_view{text}.substr(at + label.size()));
  return "{}";
}

} // namespace callboard::sandbox
