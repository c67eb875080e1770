#include "core/connectors/provider_error.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/connectors/utf8.hpp"

namespace callboard::connectors {
namespace {

/// A provider's words in a tool result; longer ones are pages, not messages.
constexpr std::size_t text_bytes_max = 2000;
/// A body that is no JSON is quoted only that far.
constexpr std::size_t plain_bytes_max = 300;
/// Longest waiting time passed on; beyond it the header is taken for a mistake.
constexpr std::int64_t wait_seconds_max = 86'400;

template <class T>
bool contains(const std::vector<T>& list, const T& x) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

std::string_view header_of(const http_response& answer, const std::string& name) {
  if (name.empty())
    return {};
  auto value = find_header(answer.headers, name);
  return value ? trim(*value) : std::string_view{};
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t x = 0;
  auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (text.empty() || ec != std::errc{} || rest != text.data() + text.size())
    return std::nullopt;
  return x;
}

std::string joined(std::string a, const std::string& b, const char* separator) {
  if (a.empty() || b.empty())
    return a + b;
  return std::move(a) + separator + b;
}

/// One line for a detail of any shape: GitHub's {resource, field, code}, Zendesk's {field:
/// [{description}]}, plain texts.
std::string flatten(const json::value& x);

std::string flatten_object(const json::object& x) {
  for (auto* name : {"message", "description", "title", "moreInfo"}) {
    auto text = find_string(x, name);
    if (!text || text->empty())
      continue;
    auto field = find_string(x, "field").value_or("");
    return joined(std::move(field), *text, ": ");
  }
  if (auto code = find_string(x, "code")) {
    auto place =
      joined(find_string(x, "resource").value_or(""), find_string(x, "field").value_or(""), ".");
    return joined(std::move(place), *code, ": ");
  }
  std::string text;
  for (auto& member : x)
    if (auto inner = flatten(member.value()); !inner.empty())
      text = joined(std::move(text), std::string{member.key()} + ": " + inner, "; ");
  return text;
}

std::string flatten(const json::value& x) {
  if (x.is_null())
    return {};
  if (auto* object = x.if_object())
    return flatten_object(*object);
  auto* array = x.if_array();
  if (!array)
    return to_text(x);
  std::string text;
  for (auto& element : *array)
    text = joined(std::move(text), flatten(element), "; ");
  return text;
}

std::string describe_json(const answer_shape& shape, const json::value& value) {
  std::string text;
  for (auto& place : shape.error_texts) {
    auto* x = place.find_in(value);
    if (x && x->is_string() && !x->get_string().empty()) {
      text = to_std(x->get_string());
      break;
    }
  }
  for (auto& place : shape.error_details) {
    auto* x = place.find_in(value);
    auto detail = x ? flatten(*x) : std::string{};
    if (!detail.empty() && detail != text)
      text = joined(std::move(text), detail, ": ");
  }
  return std::string{cut_text(text, text_bytes_max)};
}

/// Words out of a body that is no JSON: only plain text, HTML pages say nothing to a model.
std::string describe_plain(const http_response& answer) {
  auto type = to_lower(header_of(answer, "Content-Type"));
  bool plain = type.starts_with("text/plain") || type.empty();
  if (!plain || !is_text(answer.body) || answer.body.starts_with('<'))
    return {};
  return std::string{cut_text(answer.body, plain_bytes_max)};
}

std::vector<std::string> scope_list(std::string_view text) {
  std::vector<std::string> list;
  std::string scope;
  for (char c : text) {
    if (c != ',' && c != ' ') {
      scope += c;
    } else if (!scope.empty()) {
      list.push_back(std::exchange(scope, {}));
    }
  }
  if (!scope.empty())
    list.push_back(std::move(scope));
  return list;
}

/// The scopes any of which would have been enough, when none of them was granted.
std::string missing_scope(const missing_scope_shape& shape, const http_response& answer,
                          const json::value& value) {
  if (auto* needed = shape.needed.empty() ? nullptr : shape.needed.find_in(value))
    if (auto text = flatten(*needed); !text.empty())
      return text;
  // Without the header of granted scopes nothing can be said: GitHub leaves it out for tokens that
  // have no scopes at all.
  if (shape.granted_header.empty() || !find_header(answer.headers, shape.granted_header))
    return {};
  auto granted = scope_list(header_of(answer, shape.granted_header));
  std::string text;
  for (auto& scope : scope_list(header_of(answer, shape.needed_header))) {
    if (contains(granted, scope))
      return {};
    text = joined(std::move(text), scope, " or ");
  }
  return text;
}

std::optional<std::chrono::seconds>
waiting_time(const rate_limit_shape& shape, const http_response& answer, std::int64_t now_epoch) {
  auto wait = number_of(header_of(answer, shape.retry_after_header));
  if (!wait && now_epoch > 0)
    if (auto reset = number_of(header_of(answer, shape.reset_header)))
      wait = std::max<std::int64_t>(*reset - now_epoch, 1);
  if (!wait || *wait < 0 || *wait > wait_seconds_max)
    return std::nullopt;
  return std::chrono::seconds{*wait};
}

bool is_rate_limit(const rate_limit_shape& shape, const http_response& answer,
                   const std::string& code) {
  constexpr int too_many_requests = 429;
  if (answer.status == too_many_requests || (!code.empty() && contains(shape.codes, code)))
    return true;
  return contains(shape.statuses, answer.status)
         && (!header_of(answer, shape.retry_after_header).empty()
             || header_of(answer, shape.remaining_header) == "0");
}

provider_error::kind kind_of(const answer_shape& shape, const http_response& answer,
                             const provider_error& error) {
  using kind = provider_error::kind;
  constexpr int redirect_begin = 300;
  constexpr int client_begin = 400;
  constexpr int server_begin = 500;
  bool coded = !error.code.empty();
  if (is_rate_limit(shape.rate_limit, answer, error.code))
    return kind::rate_limited;
  if (contains(shape.dead_token.statuses, answer.status)
      || (coded && contains(shape.dead_token.codes, error.code)))
    return kind::dead_token;
  if (answer.status >= server_begin)
    return kind::failed;
  if (answer.status >= redirect_begin && answer.status < client_begin)
    return kind::redirect;
  if (coded && contains(shape.missing_scope.codes, error.code))
    return kind::missing_scope;
  if (contains(shape.missing_scope.statuses, answer.status) && !error.scope.empty())
    return kind::missing_scope;
  return kind::refused;
}

/// "GitHub refused the call (422): Validation Failed", with as much as is known.
std::string sentence(const std::string& title, const std::string& what,
                     const provider_error& error) {
  constexpr int client_begin = 400;
  auto text = title + ' ' + what;
  if (error.status >= client_begin)
    text += " (" + std::to_string(error.status) + ')';
  text += error.text.empty() ? std::string{"."} : ": " + error.text;
  if (text.back() != '.')
    text += '.';
  return text;
}

} // namespace

provider_error read_provider_error(const app& owner, const http_response& answer,
                                   std::int64_t now_epoch) {
  auto& shape = owner.answer;
  provider_error x;
  x.status = answer.status;
  json::value value;
  if (auto parsed = parse_json(answer.body)) {
    value = std::move(*parsed);
    x.text = describe_json(shape, value);
    if (auto* code = shape.error_code.empty() ? nullptr : shape.error_code.find_in(value))
      x.code = to_text(*code);
  } else {
    x.text = describe_plain(answer);
  }
  x.scope = missing_scope(shape.missing_scope, answer, value);
  x.what = kind_of(shape, answer, x);
  if (x.what == provider_error::kind::rate_limited || x.what == provider_error::kind::failed)
    x.retry_after = waiting_time(shape.rate_limit, answer, now_epoch);
  return x;
}

std::string advice(side_effect effect) {
  switch (effect) {
  case side_effect::none:
    return " Nothing was changed; try again later.";
  case side_effect::repeatable:
    return " The call may be repeated later.";
  case side_effect::lasting:
    return " The call may have had its effect; look before repeating it.";
  }
  return {};
}

outcome to_outcome(const app& owner, const tool& what, side_effect effect, provider_error error) {
  outcome x;
  x.is_error = true;
  x.counts = true;
  switch (error.what) {
  case provider_error::kind::refused:
    x.text = sentence(owner.title, "refused the call", error);
    break;
  case provider_error::kind::redirect:
    x.text = owner.title + " redirects the call (" + std::to_string(error.status)
             + ") to a place that is not followed; what was asked for has moved.";
    break;
  case provider_error::kind::dead_token:
    x.text =
      owner.title + " does not accept the connection any more. Connect " + owner.title + " again.";
    x.needs_refresh = true;
    x.counts = false;
    break;
  case provider_error::kind::missing_scope: {
    auto scope = error.scope;
    if (scope.empty())
      for (auto& y : what.scopes)
        scope = joined(std::move(scope), y, " or ");
    x.missing_scope = scope.empty() ? std::string{"unknown"} : scope;
    x.text = sentence(owner.title, "refused the call", error) + " The connection lacks the scope "
             + x.missing_scope + ". Connect " + owner.title + " again with it.";
    break;
  }
  case provider_error::kind::rate_limited:
    x.rate_limited = true;
    x.retry_after = error.retry_after;
    x.text = sentence(owner.title, "limits the rate of calls", error) + " Try again "
             + (x.retry_after ? "in " + std::to_string(x.retry_after->count()) + " seconds."
                              : std::string{"later."});
    break;
  case provider_error::kind::failed:
    x.counts = false;
    x.provider_failed = true;
    x.retry_after = error.retry_after;
    x.text = sentence(owner.title, "failed", error) + advice(effect);
    break;
  }
  return x;
}

} // namespace callboard::connectors
