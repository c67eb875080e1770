#include "core/mcp/version.hpp"

#include <array>
#include <string>

#include "core/mcp/http_rules.hpp"

namespace callboard::mcp {
namespace {

constexpr std::array all_versions{session_version::v2024_11_05, session_version::v2025_03_26,
                                  session_version::v2025_06_18, session_version::v2025_11_25};

std::string_view version_header(const http_headers& headers) {
  auto value = find_header(headers, header::version);
  return value ? trim(*value) : std::string_view{};
}

bool is_date(std::string_view x) {
  constexpr std::string_view shape = "dddd-dd-dd";
  if (x.size() != shape.size())
    return false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    bool fits = shape[i] == 'd' ? x[i] >= '0' && x[i] <= '9' : x[i] == shape[i];
    if (!fits)
      return false;
  }
  return true;
}

} // namespace

std::string_view to_string(session_version x) {
  switch (x) {
  case session_version::v2024_11_05:
    return "2024-11-05";
  case session_version::v2025_03_26:
    return "2025-03-26";
  case session_version::v2025_06_18:
    return "2025-06-18";
  case session_version::v2025_11_25:
    return "2025-11-25";
  }
  return {};
}

std::optional<session_version> parse_session_version(std::string_view text) {
  for (auto x : all_versions)
    if (to_string(x) == text)
      return x;
  return std::nullopt;
}

session_version negotiate(std::string_view requested) {
  return parse_session_version(requested).value_or(session_version_newest);
}

result<std::optional<session_version>> version_of(const http_headers& headers) {
  auto text = version_header(headers);
  if (text.empty())
    return std::optional<session_version>{};
  if (auto x = parse_session_version(text))
    return x;
  std::string known;
  for (auto x : all_versions)
    known += (known.empty() ? "" : ", ") + std::string{to_string(x)};
  return make_problem(errc::bad_request,
                      "Unsupported protocol version in MCP-Protocol-Version (supported: " + known
                        + ").",
                      std::string{header::version});
}

bool header_claims_stateless(const http_headers& headers) {
  auto text = version_header(headers);
  return is_date(text) && text >= stateless_version;
}

} // namespace callboard::mcp
