#include "core/connectors/text_pattern.hpp"

#include <stdexcept>
#include <utility>

#include <boost/regex.hpp>

namespace callboard::connectors {

namespace {

/// ^ and $ are the ends of the text, and a dot is no end of a line, as without flags in ECMAScript.
const auto as_in_json_schema = boost::match_single_line | boost::match_not_dot_newline;

/// Whether a backslash that is no character itself stands before a u.
bool has_character_number(std::string_view source) {
  for (std::size_t i = 0; i + 1 < source.size(); ++i)
    if (source[i] == '\\' && source[++i] == 'u')
      return true;
  return false;
}

} // namespace

struct text_pattern::machine {
  std::string source;
  boost::regex compiled;
};

result<text_pattern> text_pattern::compile(std::string source) {
  if (has_character_number(source))
    return make_problem(errc::invalid_field, "must have the character itself instead of \\u");
  text_pattern x;
  try {
    boost::regex compiled{source};
    x.compiled_ = std::make_shared<const machine>(machine{std::move(source), std::move(compiled)});
  } catch (const boost::regex_error&) {
    return make_problem(errc::invalid_field, "is no regular expression");
  }
  return x;
}

const std::string& text_pattern::source() const {
  static const std::string none;
  return compiled_ ? compiled_->source : none;
}

bool text_pattern::matches(std::string_view text) const {
  if (!compiled_)
    return true;
  if (text.size() > text_bytes_max)
    return false;
  try {
    return boost::regex_search(text.begin(), text.end(), compiled_->compiled, as_in_json_schema);
  } catch (const std::runtime_error&) { // what Boost throws when it gives up
    return false;
  }
}

} // namespace callboard::connectors
