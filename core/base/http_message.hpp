#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/meta/type_name.hpp>

#include "core/base/error.hpp"

namespace callboard {

/// One header field. Names compare without case.
struct http_header {
  std::string name;
  std::string value;

  bool operator==(const http_header&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, http_header& x) {
  return f(caf::meta::type_name("callboard::http_header"), x.name, x.value);
}

using http_headers = std::vector<http_header>;

/// An outbound HTTP request. `url` is absolute; `headers` never hold Host, Content-Length or
/// Connection.
struct http_request {
  std::string method = "GET";
  std::string url;
  http_headers headers;
  std::string body;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, http_request& x) {
  return f(caf::meta::type_name("callboard::http_request"), x.method, x.url, x.headers, x.body);
}

/// The answer to an outbound HTTP request.
struct http_response {
  int status = 0;
  http_headers headers;
  std::string body;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, http_response& x) {
  return f(caf::meta::type_name("callboard::http_response"), x.status, x.headers, x.body);
}

/// The value of the first field of that name (any case), or nothing.
std::optional<std::string_view> find_header(const http_headers& headers, std::string_view name);

/// The same without regard to ASCII case.
/// @pre equal sizes
bool equal_but_for_case(std::string_view a, std::string_view b);

/// Equality without regard to ASCII case. Most names that are compared differ in their length
/// already, which costs no call.
inline bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && equal_but_for_case(a, b);
}

/// ASCII lower case.
std::string to_lower(std::string_view x);

/// Whether a header field may have this value: no control characters but tabs.
bool is_field_text(std::string_view x);

/// Without leading and trailing blanks and tabs.
std::string_view trim(std::string_view x);

/// Percent-encodes all but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view x);

/// Undoes percent-encoding and, in a query or form, "+" for blank. Nothing when an escape is
/// malformed.
std::optional<std::string> percent_decode(std::string_view x, bool plus_is_blank = false);

using name_value = std::pair<std::string, std::string>;

/// Decodes `a=b&c=d`. Malformed escapes give errc::bad_request.
result<std::vector<name_value>> parse_form(std::string_view text);

/// Encodes `a=b&c=d`.
std::string encode_form(const std::vector<name_value>& fields);

/// The first value of that name, or nothing.
std::optional<std::string> find_field(const std::vector<name_value>& fields, std::string_view name);

} // namespace callboard
