#include "core/base/json.hpp"

#include <array>
#include <cmath>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>

#include "core/base/limits.hpp"

namespace callboard {
namespace {

/// Builds the value like json::parser does and counts keys, so that a lost duplicate shows.
class strict_handler {
public:
  static constexpr std::size_t max_object_size = 1u << 16;
  static constexpr std::size_t max_array_size = 1u << 20;
  static constexpr std::size_t max_key_size = 1u << 16;
  static constexpr std::size_t max_string_size = limits::model_response_bytes_max;

  strict_handler(std::string_view text, json::storage_ptr memory)
      : stack({}, room.data(), room.size()), names_nul_(text.find("\\u0000") != text.npos) {
    stack.reset(std::move(memory));
  }

  /// For the values whose parents are open, of most texts; the stack grows beyond it.
  alignas(json::value) std::array<unsigned char, 64 * sizeof(json::value)> room;
  json::value_stack stack;
  std::size_t keys = 0;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t n, json::error_code&) {
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t n, json::error_code&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view s, std::size_t, json::error_code& ec) {
    stack.push_chars(s);
    return no_nul(s, ec);
  }
  bool on_key(json::string_view s, std::size_t, json::error_code& ec) {
    ++keys;
    stack.push_key(s);
    return no_nul(s, ec);
  }
  bool on_string_part(json::string_view s, std::size_t, json::error_code& ec) {
    stack.push_chars(s);
    return no_nul(s, ec);
  }
  bool on_string(json::string_view s, std::size_t, json::error_code& ec) {
    stack.push_string(s);
    return no_nul(s, ec);
  }
  bool on_number_part(json::string_view s, json::error_code&) {
    integral_ = integral_ && s.find_first_of(".eE") == json::string_view::npos;
    return true;
  }
  bool on_int64(std::int64_t i, json::string_view, json::error_code&) {
    integral_ = true;
    stack.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, json::string_view, json::error_code&) {
    integral_ = true;
    stack.push_uint64(u);
    return true;
  }
  bool on_double(double d, json::string_view s, json::error_code& ec) {
    // A double spelt without fraction or exponent is an integer that did not fit into 64 bits.
    bool overflow = integral_ && s.find_first_of(".eE") == json::string_view::npos;
    integral_ = true;
    if (overflow || !std::isfinite(d)) {
      ec = json::error::exponent_overflow;
      return false;
    }
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, json::error_code&) {
    stack.push_bool(b);
    return true;
  }
  bool on_null(json::error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

private:
  bool no_nul(json::string_view s, json::error_code& ec) const {
    if (!names_nul_ || s.find('\0') == json::string_view::npos)
      return true;
    ec = json::error::syntax; // PostgreSQL text cannot store U+0000
    return false;
  }

  /// Whether the text has the one spelling of U+0000 that is JSON.
  bool names_nul_;
  bool integral_ = true;
};

std::size_t count_keys(const json::value& x) {
  std::size_t n = 0;
  if (auto* object = x.if_object()) {
    n = object->size();
    for (auto& member : *object)
      n += count_keys(member.value());
  } else if (auto* array = x.if_array()) {
    for (auto& element : *array)
      n += count_keys(element);
  }
  return n;
}

caf::error invalid(std::string what) {
  return make_problem(errc::invalid_json, "The body is not valid JSON: " + std::move(what) + ".");
}

} // namespace

result<json::value> parse_json(std::string_view text, json::storage_ptr memory) {
  json::parse_options options;
  options.max_depth = limits::json_depth_max;
  json::basic_parser<strict_handler> parser{options, text, std::move(memory)};
  json::error_code ec;
  auto used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && used < text.size())
    return invalid("unexpected bytes after the end at byte " + std::to_string(used));
  if (ec)
    return invalid(ec.message() + " at byte " + std::to_string(used));
  auto value = parser.handler().stack.release();
  if (count_keys(value) != parser.handler().keys)
    return invalid("an object has the same key twice");
  return value;
}

result<json::object> parse_json_object(std::string_view text) {
  auto value = parse_json(text);
  if (!value)
    return value.error();
  if (!value->is_object())
    return invalid("an object is expected");
  return std::move(value->get_object());
}

const json::value* find(const json::object& object, std::string_view key) {
  return object.if_contains(json::string_view{key.data(), key.size()});
}

std::optional<std::string> find_string(const json::object& object, std::string_view key) {
  auto* x = find(object, key);
  if (!x || !x->is_string())
    return std::nullopt;
  return to_std(x->get_string());
}

std::optional<std::int64_t> find_integer(const json::object& object, std::string_view key) {
  auto* x = find(object, key);
  if (!x)
    return std::nullopt;
  json::error_code ec;
  auto n = x->to_number<std::int64_t>(ec);
  if (ec)
    return std::nullopt;
  return n;
}

std::optional<bool> find_bool(const json::object& object, std::string_view key) {
  auto* x = find(object, key);
  if (!x || !x->is_bool())
    return std::nullopt;
  return x->get_bool();
}

const json::object* find_object(const json::object& object, std::string_view key) {
  auto* x = find(object, key);
  return x ? x->if_object() : nullptr;
}

const json::array* find_array(const json::object& object, std::string_view key) {
  auto* x = find(object, key);
  return x ? x->if_array() : nullptr;
}

std::string to_std(const json::string& text) { return {text.data(), text.size()}; }

} // namespace callboard
