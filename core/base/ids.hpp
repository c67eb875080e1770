#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

#include <caf/meta/type_name.hpp>

namespace callboard {

/// An id that cannot be mistaken for another kind of id. Holds the text that is shown and stored.
template <class Tag>
struct strong_id {
  std::string value;

  bool empty() const noexcept { return value.empty(); }
  auto operator<=>(const strong_id&) const = default;
};

template <class Inspector, class Tag>
typename Inspector::result_type inspect(Inspector& f, strong_id<Tag>& x) {
  return f(caf::meta::type_name(Tag::name), x.value);
}

struct platform_tag {
  static constexpr const char* name = "callboard::platform_id";
};
struct end_user_tag {
  static constexpr const char* name = "callboard::end_user_id";
};
struct key_tag {
  static constexpr const char* name = "callboard::key_id";
};
struct session_tag {
  static constexpr const char* name = "callboard::session_id";
};
struct connection_tag {
  static constexpr const char* name = "callboard::connection_id";
};
struct hold_tag {
  static constexpr const char* name = "callboard::hold_id";
};
struct loop_tag {
  static constexpr const char* name = "callboard::loop_id";
};
struct request_tag {
  static constexpr const char* name = "callboard::request_id";
};

/// A platform (tenant): a UUID in text form.
using platform_id = strong_id<platform_tag>;
/// An end user of a platform: a UUID in text form.
using end_user_id = strong_id<end_user_tag>;
/// The public part of an API key, by which it is found.
using key_id = strong_id<key_tag>;
/// A legacy MCP session as its client knows it (secret). Stored and logged only as its SHA-256.
using session_id = strong_id<session_tag>;
/// A stored OAuth connection: a UUID in text form.
using connection_id = strong_id<connection_tag>;
/// A hold in the wallet: a UUID in text form, derived so that a retry finds it again.
using hold_id = strong_id<hold_tag>;
/// One /v1/responses or chat call: a UUID in text form.
using loop_id = strong_id<loop_tag>;
/// The id in X-Request-Id, ours or the client's.
using request_id = strong_id<request_tag>;

} // namespace callboard

template <class Tag>
struct std::hash<callboard::strong_id<Tag>> {
  std::size_t operator()(const callboard::strong_id<Tag>& x) const noexcept {
    return std::hash<std::string>{}(x.value);
  }
};
