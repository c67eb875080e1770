#include "storage/statement.hpp"

#include <algorithm>

namespace callboard {

const statement* find_statement(std::string_view name) {
  auto all = statements();
  auto pos = std::lower_bound(all.begin(), all.end(), name,
                              [](const statement& x, std::string_view y) { return x.name < y; });
  return pos != all.end() && pos->name == name ? &*pos : nullptr;
}

} // namespace callboard
