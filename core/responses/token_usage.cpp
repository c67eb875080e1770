#include "core/responses/token_usage.hpp"

#include <algorithm>
#include <optional>

namespace callboard::responses {
namespace {

/// English text has about four bytes a token in the usual vocabularies.
constexpr std::size_t bytes_per_token = 4;
/// An embedded image: what a full-size image costs at the usual vision models.
constexpr std::int64_t image_tokens = 1500;
/// A turn of more tokens does not exist; the cap keeps sums and prices far from overflow.
constexpr std::int64_t tokens_max = 1'000'000'000;

/// Bytes of text in a value, with images counted apart.
struct text_size {
  std::size_t bytes = 0;
  std::int64_t images = 0;

  void add(const json::value& x) {
    if (auto* text = x.if_string()) {
      bytes += text->size();
    } else if (auto* array = x.if_array()) {
      for (auto& element : *array)
        add(element);
    } else if (auto* object = x.if_object()) {
      for (auto& member : *object) {
        if (member.key() == "image_url") {
          ++images;
          continue;
        }
        bytes += member.key().size();
        add(member.value());
      }
    } else {
      ++bytes;
    }
  }
};

std::optional<std::int64_t> count_in(const json::object& x, std::string_view key) {
  auto n = find_integer(x, key);
  if (!n || *n < 0)
    return std::nullopt;
  return std::min(*n, tokens_max);
}

/// Whether there was such a count.
bool read_count(const json::object& x, std::string_view key, std::int64_t& into) {
  auto n = count_in(x, key);
  into = n.value_or(into);
  return n.has_value();
}

} // namespace

token_usage operator+(const token_usage& a, const token_usage& b) {
  return {a.input + b.input,
          a.cached + b.cached,
          a.output + b.output,
          a.reasoning + b.reasoning,
          a.input_reported && b.input_reported,
          a.output_reported && b.output_reported,
          a.estimated || b.estimated};
}

std::int64_t estimate_tokens(std::size_t bytes) {
  return static_cast<std::int64_t>((bytes + bytes_per_token - 1) / bytes_per_token);
}

std::int64_t estimate_input_tokens(const json::object& chat_body) {
  text_size size;
  for (auto key : {"messages", "tools", "response_format"})
    if (auto* part = find(chat_body, key))
      size.add(*part);
  return estimate_tokens(size.bytes) + size.images * image_tokens;
}

void read_chat_usage(const json::object& usage, token_usage& into) {
  into.input_reported |= read_count(usage, "prompt_tokens", into.input);
  into.output_reported |= read_count(usage, "completion_tokens", into.output);
  if (auto* details = find_object(usage, "prompt_tokens_details"))
    read_count(*details, "cached_tokens", into.cached);
  else
    read_count(usage, "prompt_cache_hit_tokens", into.cached); // DeepSeek
  if (auto* details = find_object(usage, "completion_tokens_details"))
    read_count(*details, "reasoning_tokens", into.reasoning);
  into.cached = std::min(into.cached, into.input);
  into.reasoning = std::min(into.reasoning, into.output);
}

json::object usage_json(const token_usage& x) {
  return {{"input_tokens", x.input},
          {"input_tokens_details", {{"cached_tokens", x.cached}, {"cache_write_tokens", 0}}},
          {"output_tokens", x.output},
          {"output_tokens_details", {{"reasoning_tokens", x.reasoning}}},
          {"total_tokens", x.input + x.output}};
}

json::object chat_usage_json(const token_usage& x) {
  return {{"prompt_tokens", x.input},
          {"completion_tokens", x.output},
          {"total_tokens", x.input + x.output},
          {"prompt_tokens_details", {{"cached_tokens", x.cached}}},
          {"completion_tokens_details", {{"reasoning_tokens", x.reasoning}}}};
}

} // namespace callboard::responses
