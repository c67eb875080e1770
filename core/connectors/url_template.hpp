#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace callboard::connectors {

/// A URL of an app: absolute, without query and fragment; `{conn.x}` is a field of the connection,
/// `{client_id}` the id of the OAuth client.
class url_template {
public:
  /// errc::invalid_field for anything else than https (or http, where `allow_http`), a missing
  /// host, user info, a query or a fragment, or an unknown placeholder.
  static result<url_template> parse(std::string_view text, bool allow_http);

  /// Names of the connection fields used.
  const std::vector<std::string>& fields() const { return fields_; }
  bool uses_client_id() const { return uses_client_id_; }

  /// The template itself.
  const std::string& source() const { return source_; }

  /// The URL without a slash at its end. `value_of` gives the value of "conn.x" or "client_id";
  /// errc::invalid_field when one is absent or cannot stand in a URL.
  result<std::string>
  render(const std::function<std::optional<std::string>(std::string_view)>& value_of) const;

private:
  std::string source_;
  std::vector<std::string> fields_;
  bool uses_client_id_ = false;
};

/// The path of a request: `{x}` a required variable, `{/x}` an optional segment that vanishes with
/// its slash when it has no value.
class path_template {
public:
  struct piece {
    enum class kind : std::uint8_t { text, variable, optional_segment } what;
    std::string text;
  };

  path_template() = default;

  /// errc::invalid_field for a path that does not begin with "/" or "{/", or has a query, a
  /// fragment, a "." or ".." segment, a bad or repeated variable.
  static result<path_template> parse(std::string_view text);

  const std::vector<piece>& pieces() const { return pieces_; }
  const std::string& source() const { return source_; }

  /// Whether there is a variable of that name; `optional` likewise for optional segments.
  bool has_variable(std::string_view name) const;
  bool has_optional(std::string_view name) const;

private:
  std::string source_;
  std::vector<piece> pieces_;
};

} // namespace callboard::connectors
