#include "storage/statement.hpp"

#include <algorithm>

namespace callboard {

std::size_t parameter_count(const statement& what) {
  std::size_t most = 0;
  for (auto at = what.text.find('$'); at != std::string_view::npos;
       at = what.text.find('$', at + 1)) {
    std::size_t number = 0;
    for (auto i = at + 1; i < what.text.size() && what.text[i] >= '0' && what.text[i] <= '9'; ++i)
      number = number * 10 + static_cast<std::size_t>(what.text[i] - '0');
    most = std::max(most, number);
  }
  return most;
}

const statement* find_statement(std::string_view name) {
  auto all = statements();
  auto pos = std::lower_bound(all.begin(), all.end(), name,
                              [](const statement& x, std::string_view y) { return x.name < y; });
  return pos != all.end() && pos->name == name ? &*pos : nullptr;
}

} // namespace callboard
