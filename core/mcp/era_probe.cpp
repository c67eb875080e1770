#include "core/mcp/era_probe.hpp"

#include <algorithm>
#include <optional>

#include "core/base/json_text.hpp"

namespace callboard::mcp {
namespace {

// Errors that 2026-07-28 introduced.
constexpr std::int64_t code_header_mismatch = -32020;
constexpr std::int64_t code_missing_capability = -32021;
constexpr std::int64_t code_unsupported_version = -32022;

std::string text_or(std::string_view object, std::string_view key, std::string_view otherwise) {
  auto text = member_text(object, key).value_or(otherwise);
  return std::string{!text.empty() && text.front() == '{' ? text : otherwise};
}

caf::error strange(std::string why) { return make_problem(errc::upstream_failed, std::move(why)); }

/// The versions that an error lists. Nothing without the list: old servers use the same number
/// range for errors of their own.
std::optional<json::array> listed_versions(const server_error& x) {
  auto data = parse_json_object(x.data.empty() ? "{}" : x.data);
  auto* list = data ? find_array(*data, "supported") : nullptr;
  return list ? std::optional{*list} : std::nullopt;
}

bool lists_ours(const server_error& x) {
  auto list = listed_versions(x);
  auto ours = json::value(json::string_view(stateless_version.data(), stateless_version.size()));
  return list && std::find(list->begin(), list->end(), ours) != list->end();
}

} // namespace

bool is_modern_error(const server_error& x) {
  return x.code == code_header_mismatch || x.code == code_missing_capability
         || (x.code == code_unsupported_version && listed_versions(x));
}

probe_verdict classify_probe(int status, const std::vector<server_message>& messages) {
  using enum probe_verdict;
  if (status == 401 || status == 403)
    return refused;
  if (status >= 500 || status == 408 || status == 429)
    return failed;
  for (auto& message : messages) {
    if (auto* good = std::get_if<server_result>(&message))
      return member_text(good->result, "supportedVersions") ? stateless : session;
    if (auto* bad = std::get_if<server_error>(&message);
        bad && bad->code == code_unsupported_version && lists_ours(*bad))
      return again;
  }
  // Whatever else it says, it did not take a well-formed request of 2026-07-28.
  return session;
}

result<server_profile> read_discover(std::string_view result) {
  auto versions = member_text(result, "supportedVersions").value_or("[]");
  auto all = elements_of(versions);
  bool ours = std::any_of(all.begin(), all.end(),
                          [](auto x) { return string_from(x) == std::string{stateless_version}; });
  if (!ours)
    return strange("The server speaks none of our protocol versions.");
  server_profile x;
  x.era = server_era::stateless;
  x.version = stateless_version;
  x.capabilities = text_or(result, "capabilities", "{}");
  auto own = member_text(result, "_meta").value_or("{}");
  x.info = text_or(own, "io.modelcontextprotocol/serverInfo", text_or(result, "serverInfo", "{}"));
  if (auto text = member_text(result, "instructions"))
    x.instructions = string_from(*text).value_or("");
  return x;
}

result<server_profile> read_initialize(std::string_view result) {
  auto version = string_from(member_text(result, "protocolVersion").value_or("null"));
  if (!version || !parse_session_version(*version))
    return strange("The server speaks none of our protocol versions.");
  server_profile x;
  x.era = server_era::session;
  x.version = std::move(*version);
  x.capabilities = text_or(result, "capabilities", "{}");
  x.info = text_or(result, "serverInfo", "{}");
  if (auto text = member_text(result, "instructions"))
    x.instructions = string_from(*text).value_or("");
  return x;
}

bool offers(const server_profile& x, std::string_view kind) {
  auto text = member_text(x.capabilities, kind);
  return text && !text->empty() && text->front() == '{';
}

bool offers(const server_profile& x, std::string_view kind, std::string_view flag) {
  auto text = member_text(x.capabilities, kind);
  return text && member_text(*text, flag) == std::string_view{"true"};
}

} // namespace callboard::mcp
