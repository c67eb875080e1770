#include "tests/bench/bench_table.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace callboard::bench {

void bench_table::add(bench_line x) {
  fmt::print(stderr, "{}: {} {}\n", x.what, x.measured, x.ratio);
  lines_.push_back(std::move(x));
}

std::string bench_table::text() const {
  auto rows = lines_;
  rows.insert(rows.begin(), {"what", "measured", "reference of this run", "ratio", "bar"});
  auto width = [&](std::string bench_line::*cell) {
    std::size_t widest = 0;
    for (auto& row : rows)
      widest = std::max(widest, (row.*cell).size());
    return widest;
  };
  std::string out;
  for (auto& row : rows)
    out +=
      fmt::format("{:{}}  {:>{}}  {:>{}}  {:>{}}  {}\n", row.what, width(&bench_line::what),
                  row.measured, width(&bench_line::measured), row.reference,
                  width(&bench_line::reference), row.ratio, width(&bench_line::ratio), row.bar);
  return out;
}

} // namespace callboard::bench
