#pragma once

#include <string>
#include <vector>

namespace callboard::bench {

/// One line of the result. Empty cells stay empty.
struct bench_line {
  std::string what;
  std::string measured;
  std::string reference;
  /// Measured to reference, or measured to bar.
  std::string ratio;
  /// What DESIGN.md section 7 asks for.
  std::string bar;
};

/// Collects lines, shows each at once on stderr and the table at the end.
class bench_table {
public:
  void add(bench_line x);
  /// The table with aligned columns.
  std::string text() const;

private:
  std::vector<bench_line> lines_;
};

} // namespace callboard::bench
