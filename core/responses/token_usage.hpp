#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/json.hpp"

/// The Responses API: request and response shapes, the dialects of model servers, and the rules of
/// the tool loop. Pure: no actors, no I/O, no clocks; times and ids come in as arguments.
namespace callboard::responses {

/// Tokens of one model turn, or of several turns added up.
struct token_usage {
  std::int64_t input = 0;
  /// The part of `input` that the upstream read from its cache.
  std::int64_t cached = 0;
  std::int64_t output = 0;
  /// The part of `output` that was reasoning.
  std::int64_t reasoning = 0;
  /// The upstream reported `input`.
  bool input_reported = false;
  /// The upstream reported `output`.
  bool output_reported = false;
  /// `input` or `output` (or, in a sum, some of them) is ours: the upstream did not report it,
  /// or not to the end.
  bool estimated = false;

  bool operator==(const token_usage&) const = default;
};

/// The sum; a count is reported when both are, and the sum `estimated` when either is.
token_usage operator+(const token_usage& a, const token_usage& b);

/// Tokens of a text when nobody counted: four bytes a token, rounded up.
std::int64_t estimate_tokens(std::size_t bytes);

/// Tokens of the prompt of a `/chat/completions` body: its messages and tools at four bytes a
/// token; an embedded image counts as a fixed number instead of its base64 text. Used for holds
/// (I18) and when the upstream reports no usage.
std::int64_t estimate_input_tokens(const json::object& chat_body);

/// Reads the `usage` member of a chat answer into `into`: numbers that are absent, null or negative
/// leave what was there and do not count as reported; too large ones are capped. What is said of a
/// part without its whole is ignored.
void read_chat_usage(const json::object& usage, token_usage& into);

/// The `usage` member of a Response object (facts responses.md 2); the total is the sum (R120).
json::object usage_json(const token_usage& x);

/// The `usage` member of a chat completion.
json::object chat_usage_json(const token_usage& x);

} // namespace callboard::responses
