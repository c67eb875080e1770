#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard::connectors {

/// What an argument violates.
struct violation {
  /// Names and indexes from the outside in; never empty.
  std::vector<std::string> path;
  /// What is wrong and what is allowed, without the argument's name: "must be one of \"open\",
  /// \"closed\"".
  std::string text;
};

/// A tool's inputSchema, compiled once. Safe for concurrent use.
class argument_schema {
public:
  virtual ~argument_schema() = default;

  /// Compiles an object schema. Only keywords that mean the same in every draft since 7 are known:
  /// see argument_schema.cpp. errc::invalid_field whose param is the JSON pointer of the mistake
  /// inside the schema.
  static result<std::shared_ptr<const argument_schema>> compile(const json::object& schema);

  /// The first violation in the order of missing, unknown, wrong; or nothing.
  virtual std::optional<violation> check(const json::object& arguments) const = 0;
};

} // namespace callboard::connectors
