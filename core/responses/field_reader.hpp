#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard::responses {

/// "<path>[<index>]".
std::string element_path(std::string_view path, std::size_t index);

/// "<path>.<key>", or the key alone when the path is empty.
std::string member_path(std::string_view path, std::string_view key);

/// Reads the members of an untrusted object and keeps the first problem, so that a validator can
/// read everything and ask once. A member that is null counts as absent. The object must outlive
/// the reader.
class field_reader {
public:
  /// `path` stands before the key in `param` of the problem; empty at the top.
  field_reader(const json::object& object, std::string_view path) : object_(object), path_(path) {}

  /// Absent members leave `into` as it is; members of another type or out of range are a problem.
  void read(std::string_view key, std::string& into);
  void read(std::string_view key, std::optional<std::string>& into);
  void read(std::string_view key, bool& into);
  void read(std::string_view key, std::optional<bool>& into);
  void read(std::string_view key, std::optional<double>& into, double low, double high);
  void read(std::string_view key, std::optional<std::int64_t>& into, std::int64_t low,
            std::int64_t high);

  /// The member if it is there and an object or array; another type is a problem.
  const json::object* object(std::string_view key);
  const json::array* array(std::string_view key);

  /// The string, which must be there; possibly empty.
  std::string required(std::string_view key);

  /// The member unless it is absent or null.
  const json::value* find(std::string_view key) const;

  /// Records a problem at a member ("" for the object itself).
  void complain(std::string_view key, std::string message);

  /// Takes over another reader's problem.
  void take(caf::error problem);

  bool ok() const noexcept { return !problem_; }
  const caf::error& problem() const noexcept { return problem_; }
  const std::string& path() const noexcept { return path_; }

private:
  const json::object& object_;
  std::string path_;
  caf::error problem_;
};

} // namespace callboard::responses
