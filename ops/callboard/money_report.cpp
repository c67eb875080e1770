#include "ops/callboard/money_report.hpp"

#include <chrono>
#include <utility>

#include "core/billing/explanation.hpp"
#include "core/billing/verification.hpp"
#include "ops/callboard/argument.hpp"
#include "ops/callboard/text_table.hpp"

namespace callboard {
namespace {

/// The invariants read every row of the ledger; millions of them take a minute.
constexpr auto verification_timeout = std::chrono::minutes{10};

store_value id_or_null(const std::string& platform) {
  return platform.empty() ? store_value::null() : store_value::text(platform);
}

/// Lines for a terminal: stored text must not steer it.
std::string lines_of(const json::object& answer) {
  std::string text;
  if (const auto* story = find_array(answer, "story"))
    for (const auto& line : *story) {
      const bool blank = line.is_string() && line.get_string().empty();
      text += (text.empty() ? "" : "\n") + (blank ? std::string{} : cell_text(&line));
    }
  return text;
}

} // namespace

result<json::object> explain_request(store_access& access, const std::string& request,
                                     const std::string& platform) {
  const auto rows =
    access.db().run(store_call{{},
                               "request/explain",
                               {store_value::text(request), id_or_null(platform),
                                store_value::integer(billing::explained_holds_max)}});
  if (!rows)
    return rows.error();
  const auto told = billing::explain_rows(request, *rows);
  if (!told)
    return told.error();
  return billing::to_json(*told);
}

result<json::object> verify_ledger(store_access& access, const std::string& platform) {
  platform_id only;
  if (!platform.empty()) {
    auto found = find_platform(access.db(), platform);
    if (!found)
      return found.error();
    only = found->id;
  }
  store patient{access.conninfo(), access.ring(), verification_timeout};
  const bool own = !only.empty();
  const auto counts =
    patient.run(store_call{only, own ? "ledger/verify_own" : "ledger/verify", {}});
  if (!counts)
    return counts.error();
  if (billing::all_hold(*counts))
    return billing::verification(*counts, {});
  const auto findings = patient.run(store_call{only,
                                               own ? "ledger/findings_own" : "ledger/findings",
                                               {store_value::integer(billing::findings_max)}});
  if (!findings)
    return findings.error();
  return billing::verification(*counts, *findings);
}

result<json::object> find_stuck_holds(store_access& access, const std::string& platform) {
  const auto rows = access.db().run(store_call{
    {}, "hold/stuck", {id_or_null(platform), store_value::integer(billing::stuck_holds_max)}});
  if (!rows)
    return rows.error();
  return billing::stuck_holds_json(*rows);
}

report story_report(json::object answer) {
  const auto wrong =
    find_integer(answer, "alarms").value_or(0) + find_integer(answer, "violations").value_or(0);
  auto text = lines_of(answer);
  return {std::move(answer), std::move(text), wrong > 0 ? 1 : 0};
}

report stuck_holds_report(json::object answer) {
  const auto* holds = find_array(answer, "holds");
  auto text = text_table(holds ? *holds : json::array{},
                         {{"HOLD", "id"},
                          {"PLATFORM", "platform_id"},
                          {"KIND", "kind"},
                          {"SUBJECT", "subject"},
                          {"REQUEST", "request_id"},
                          {"AMOUNT", "amount"},
                          {"USED", "checkpoint"},
                          {"PROVIDER REF", "provider_ref"},
                          {"END", "expires_at"},
                          {"LATE MS", "late_ms"}},
                         "No hold is open beyond its end.");
  if (holds && !holds->empty())
    text += "\n\n" + cell_text(find(answer, "total")) + " late, "
            + cell_text(find(answer, "exposure")) + " US dollars kept back";
  return {std::move(answer), std::move(text)};
}

} // namespace callboard
