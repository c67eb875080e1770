#include "core/connectors/shape.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/digest.hpp"
#include "core/base/json_text.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/provider_error.hpp"
#include "core/connectors/utf8.hpp"

namespace callboard::connectors {
namespace {

/// Shorter texts are no tokens; masking them would garble answers.
constexpr std::size_t token_bytes_min = 8;
constexpr std::string_view mask = "***";

/// Enough for most parsed answers that are no lists; larger ones continue on the heap.
constexpr std::size_t scratch_bytes = 8192;

std::string masked(std::string text, std::string_view token) {
  if (token.size() < token_bytes_min)
    return text;
  for (auto at = text.find(token); at != std::string::npos; at = text.find(token, at))
    text.replace(at, token.size(), mask);
  return text;
}

void mask_values(json::value& x, std::string_view token) {
  if (auto* text = x.if_string()) {
    auto clean = masked(to_std(*text), token);
    *text = json::string_view{clean.data(), clean.size()};
  } else if (auto* array = x.if_array()) {
    for (auto& element : *array)
      mask_values(element, token);
  } else if (auto* object = x.if_object()) {
    for (auto& member : *object)
      mask_values(member.value(), token);
  }
}

/// The answer with its body masked, so that cutting cannot leave a part of the token behind.
http_response masked(const http_response& answer, std::string_view token) {
  return {answer.status, answer.headers, masked(answer.body, token)};
}

/// Cuts a text to the cap and says so.
std::string capped(std::string text) {
  if (text.size() <= limits::tool_output_bytes_max)
    return text;
  auto note = "\n[Cut: the result has " + std::to_string(text.size()) + " bytes, this is its "
              + "beginning. Ask for less at a time.]";
  text.resize(cut_text(text, limits::tool_output_bytes_max - note.size()).size());
  return text + note;
}

outcome fail(std::string text) {
  outcome x;
  x.is_error = true;
  x.text = std::move(text);
  return x;
}

std::string with_sentence(std::string sentence, std::string_view rest) {
  if (!sentence.empty() && !rest.empty())
    sentence += '\n';
  return sentence.append(rest);
}

/// Decodes the content of a file answer in place; gives a note when it cannot be shown.
std::string decode(json::value& value, const decode_shape& shape) {
  auto* encoding = shape.encoding.find_in(value);
  auto* content = shape.content.find_in(value);
  if (!encoding || !encoding->is_string() || !content || !content->is_string())
    return {};
  auto name = to_std(encoding->get_string());
  for (auto& [known, note] : shape.notes)
    if (known == name)
      return note;
  if (name != "base64")
    return {};
  auto bytes = from_base64(to_std(content->get_string()));
  if (!bytes)
    return "The content is not valid base64 and is left as it came.";
  if (!is_text(*bytes)) {
    *content = nullptr;
    return "The content is binary (" + std::to_string(bytes->size()) + " bytes) and is not shown.";
  }
  *content = json::string_view{bytes->data(), bytes->size()};
  *encoding = "utf-8";
  return {};
}

/// The selected fields as the text of an object.
std::string structured_text(const json::value& selected, std::string text,
                            const std::string& note) {
  if (selected.is_array())
    text = R"({"items":)" + text + '}';
  return note.empty() ? text : with_member(text, "note", quoted_text(note));
}

outcome shape_json(const tool& what, const json::object& arguments, json::value value,
                   std::string_view token) {
  auto& shape = what.answer;
  auto note = shape.decode ? decode(value, *shape.decode) : std::string{};
  bool list = value.is_array() && shape.text_array;
  auto sentence = (list ? *shape.text_array : shape.text).render(value, arguments);
  if (!note.empty())
    sentence += (sentence.empty() ? "" : " ") + note;
  sentence = masked(std::move(sentence), token);
  outcome x;
  if (shape.fields.empty()) {
    x.text = capped(std::move(sentence));
    return x;
  }
  auto selected = shape.fields.reduce(std::move(value));
  auto text = json::serialize(selected);
  if (token.size() >= token_bytes_min && text.find(token) != std::string::npos) {
    mask_values(selected, token);
    text = json::serialize(selected);
  }
  x.text = capped(with_sentence(std::move(sentence), text));
  if (text.size() <= limits::tool_output_bytes_max)
    x.structured = structured_text(selected, std::move(text), note);
  return x;
}

outcome shape_raw(const tool& what, const json::object& arguments, const http_response& answer,
                  std::string_view token) {
  auto sentence = what.answer.text_raw->render(nullptr, arguments);
  outcome x;
  if (is_text(answer.body))
    x.text = capped(with_sentence(sentence, masked(answer.body, token)));
  else
    x.text = sentence + " The content is binary (" + std::to_string(answer.body.size())
             + " bytes) and is not shown.";
  return x;
}

/// What a body is.
struct read_body {
  enum class kind : std::uint8_t { empty, json, raw } what;
  json::value value;
};

read_body read(const http_response& answer, const std::vector<std::string>& raw_types,
               json::storage_ptr memory) {
  if (answer.body.empty())
    return {read_body::kind::empty, nullptr};
  auto type = find_header(answer.headers, "Content-Type").value_or("");
  bool raw = std::any_of(raw_types.begin(), raw_types.end(), [&](const std::string& x) {
    return iequals(type.substr(0, x.size()), x);
  });
  if (!raw)
    if (auto value = parse_json(answer.body, std::move(memory)))
      return {read_body::kind::json, std::move(*value)};
  return {read_body::kind::raw, nullptr};
}

bool succeeded(const answer_shape& shape, const std::vector<int>& statuses, int status,
               const json::value& value) {
  constexpr int lowest = 200;
  constexpr int end = 300;
  // A 2xx that nobody expected is no failure: reporting one would make a model repeat a write.
  bool fine = (status >= lowest && status < end)
              || std::find(statuses.begin(), statuses.end(), status) != statuses.end();
  if (!fine || !shape.success || value.is_null())
    return fine;
  auto* x = shape.success->pointer.find_in(value);
  return x && *x == shape.success->equals;
}

outcome shape_success(const app& owner, const tool& what, const json::object& arguments,
                      const http_response& answer, read_body body, std::string_view token) {
  outcome x;
  switch (body.what) {
  case read_body::kind::empty: {
    auto& text = what.answer.text_empty ? *what.answer.text_empty : what.answer.text;
    x.text = text.render(nullptr, arguments);
    break;
  }
  case read_body::kind::json:
    x = shape_json(what, arguments, std::move(body.value), token);
    break;
  case read_body::kind::raw:
    if (what.answer.text_raw) {
      x = shape_raw(what, arguments, answer, token);
      break;
    }
    x = fail(owner.title + " answered with something that is not JSON." + advice(effect_of(what)));
    x.provider_failed = true;
    return x;
  }
  x.counts = true;
  return x;
}

} // namespace

side_effect effect_of(const tool& what) {
  if (what.annotations.read_only)
    return side_effect::none;
  return what.annotations.idempotent ? side_effect::repeatable : side_effect::lasting;
}

outcome shape_answer(const app& owner, const tool& what, const json::object& arguments,
                     const http_response& answer, std::string_view access_token,
                     std::int64_t now_epoch) {
  // Nothing of the parsed answer outlives this function: what is kept is kept as text.
  std::array<unsigned char, scratch_bytes> buffer;
  json::monotonic_resource scratch{buffer.data(), buffer.size()};
  auto body = read(answer, what.answer.raw_types, &scratch);
  // Errors are JSON whatever form was asked for.
  if (succeeded(owner.answer, what.answer.statuses, answer.status, body.value))
    return shape_success(owner, what, arguments, answer, std::move(body), access_token);
  auto error = read_provider_error(owner, masked(answer, access_token), now_epoch);
  for (auto& [code, sentence] : what.answer.soft_errors)
    if (code == error.code) {
      outcome x;
      x.text = sentence;
      x.counts = true;
      return x;
    }
  auto x = to_outcome(owner, what, effect_of(what), std::move(error));
  x.text = masked(std::move(x.text), access_token);
  return x;
}

outcome shape_failed_step(const app& owner, const tool& what, const http_response& answer,
                          std::string_view access_token, std::int64_t now_epoch) {
  // Nothing but reads was sent so far.
  auto x = to_outcome(owner, what, side_effect::none,
                      read_provider_error(owner, masked(answer, access_token), now_epoch));
  x.text = masked(std::move(x.text), access_token);
  return x;
}

outcome shape_no_answer(const app& owner, side_effect effect, const caf::error& why) {
  bool reads = effect == side_effect::none;
  outcome x;
  switch (code_of(why)) {
  case errc::upstream_unavailable:
    x = fail(owner.title + " cannot be reached." + advice(side_effect::none));
    x.provider_failed = true;
    return x;
  case errc::upstream_timeout:
  case errc::timeout:
    x = fail(owner.title + " did not answer in time." + advice(effect));
    x.provider_failed = true;
    return x;
  case errc::response_too_large:
    return fail(owner.title + " answered with more than can be taken. Ask for less at a time."
                + (reads ? "" : advice(effect)));
  case errc::address_refused:
    return fail("The address of " + owner.title + " is not allowed.");
  case errc::cancelled:
    return fail("The call was cancelled." + (reads ? "" : advice(effect)));
  default:
    x = fail("The call to " + owner.title + " failed." + advice(effect));
    x.provider_failed = true;
    return x;
  }
}

} // namespace callboard::connectors
