#include "ops/callboard/page_options.hpp"

#include "core/base/limits.hpp"

namespace callboard {

void add_page_options(CLI::App& app, page_request& page) {
  /// Far beyond every list, and page times limit does not overflow.
  constexpr std::int64_t page_max = 1'000'000'000;
  app.add_option("--page", page.page, "Page, from 1")
    ->check(CLI::Range(std::int64_t{1}, page_max))
    ->capture_default_str();
  app.add_option("--limit", page.limit, "Rows of a page, up to 100")
    ->check(CLI::Range(std::int64_t{1}, limits::page_limit_max))
    ->capture_default_str();
}

json::object page_of(const store_rows& rows, const page_request& page) {
  json::object said{{"data", json::array{}}, {"total", 0}};
  if (!rows.empty()) {
    const store_row row{rows, 0};
    said["data"] = json::parse(row.text("data"));
    said["total"] = row.integer("total");
  }
  said["page"] = page.page;
  said["limit"] = page.limit;
  return said;
}

} // namespace callboard
