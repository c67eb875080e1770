#pragma once

#include <string>
#include <string_view>

#include "core/base/store_call.hpp"

namespace callboard {

/// A one-dimensional array as PostgreSQL reads it from text: `{"a",NULL,"b \"c\""}`.
class array_text {
public:
  void add(std::string_view x);
  void add(std::int64_t x);
  void add_null();
  void add_unless_empty(std::string_view x);

  /// The array as a parameter; nothing may be added afterwards.
  store_value take();

private:
  void separate();

  std::string text_ = "{";
};

} // namespace callboard
