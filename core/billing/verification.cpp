#include "core/billing/verification.hpp"

#include <string>

#include <fmt/format.h>

#include "core/base/money.hpp"

namespace callboard::billing {
namespace {

std::string in_words(std::int64_t count) {
  if (count == 0)
    return "no violation";
  return count == 1 ? std::string{"1 violation"} : fmt::format("{} violations", count);
}

json::array findings_of(const std::string& id, const store_rows& findings) {
  json::array out;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const store_row row{findings, i};
    if (row.text("id") != id)
      continue;
    const auto platform = row.maybe_text("platform_id");
    out.emplace_back(json::object{{"platform_id", platform ? json::value(*platform) : nullptr},
                                  {"finding", row.text("finding")}});
  }
  return out;
}

} // namespace

bool all_hold(const store_rows& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (store_row{counts, i}.integer("violations") != 0)
      return false;
  return true;
}

json::object stuck_holds_json(const store_rows& rows) {
  if (rows.empty())
    return {{"holds", json::array{}}, {"total", 0}, {"exposure", format_usd({})}};
  const store_row row{rows, 0};
  return {{"holds", json::parse(row.text("data"))},
          {"total", row.integer("total")},
          {"exposure", format_usd({row.integer("exposure")})}};
}

result<json::object> verification(const store_rows& counts, const store_rows& findings) {
  if (counts.empty())
    return make_problem(errc::internal, "ledger/verify named no invariant");
  json::array invariants;
  json::array story;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const store_row row{counts, i};
    const auto name = row.text("invariant");
    const auto id = name.substr(0, name.find(' '));
    const auto text = id.size() == name.size() ? name : name.substr(id.size() + 1);
    const auto count = row.integer("violations");
    auto places = count == 0 ? json::array{} : findings_of(id, findings);
    total += count;
    story.emplace_back(
      fmt::format("{:<4} {:<4} {}: {}", count == 0 ? "ok" : "BAD", id, text, in_words(count)));
    for (const auto& x : places) {
      const auto platform = find_string(x.as_object(), "platform_id");
      story.emplace_back(fmt::format("          {}{}",
                                     platform ? "platform " + *platform + ": " : "",
                                     *find_string(x.as_object(), "finding")));
    }
    if (count > static_cast<std::int64_t>(places.size()) && !places.empty())
      story.emplace_back("          and more");
    invariants.emplace_back(json::object{
      {"id", id}, {"text", text}, {"violations", count}, {"findings", std::move(places)}});
  }
  story.emplace_back(total == 0 ? fmt::format("All {} invariants hold.", counts.size())
                                : fmt::format("The money is not exact: {}.", in_words(total)));
  return json::object{
    {"violations", total}, {"invariants", std::move(invariants)}, {"story", std::move(story)}};
}

} // namespace callboard::billing
