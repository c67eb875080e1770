#include "ops/callboard/sandbox/journal.hpp"

#include <utility>

#include "ops/callboard/sandbox/fault.hpp"

namespace callboard::sandbox {

namespace {

/// A load test makes more than anybody reads.
constexpr std::size_t entries_max = 10'000;
/// Long enough for prompts with history; the rest of a body interests nobody.
constexpr std::size_t body_bytes_kept = 64u * 1024;
constexpr std::size_t secret_tail = 4;

std::string redacted(std::string_view value) {
  const auto blank = value.rfind(' ');
  const auto scheme =
    blank == std::string_view::npos ? std::string_view{} : value.substr(0, blank + 1);
  const auto secret = value.substr(scheme.size());
  const auto tail = secret.size() > 2 * secret_tail ? secret.substr(secret.size() - secret_tail)
                                                    : std::string_view{};
  return std::string{scheme} + "..." + std::string{tail};
}

} // namespace

void journal::add(const wire_request& x, std::int64_t now, int status) {
  if (entries_.size() >= entries_max)
    entries_.pop_front();
  entries_.push_back({next_id_++, now, status, x});
  auto& body = entries_.back().request.body;
  if (body.size() > body_bytes_kept)
    body.resize(body_bytes_kept);
}

json::array journal::list(std::string_view pattern, bool secrets) const {
  json::array all;
  for (const auto& x : entries_) {
    const auto path = x.request.target.substr(0, x.request.target.find('?'));
    if (!fits(pattern, x.request.method + ' ' + path))
      continue;
    json::object headers;
    for (const auto& header : x.request.headers)
      headers[to_lower(header.name)] =
        iequals(header.name, "Authorization") && !secrets ? redacted(header.value) : header.value;
    all.push_back(json::object{{"id", x.id},
                               {"at", x.at},
                               {"method", x.request.method},
                               {"target", x.request.target},
                               {"headers", std::move(headers)},
                               {"body", x.request.body},
                               {"status", x.status}});
  }
  return all;
}

void journal::clear() { entries_.clear(); }

} // namespace callboard::sandbox
