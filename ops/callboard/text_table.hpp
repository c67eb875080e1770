#pragma once

#include <string>
#include <vector>

#include "core/base/json.hpp"

namespace callboard {

/// One column of a table for people: its head, and the member that fills it ("state.calls" goes
/// into nested objects).
struct text_column {
  std::string head;
  std::string member;
};

/// Lines of aligned columns for an array of objects; `empty` when there is none. Strings appear
/// bare, null and absent members as "-", all else as JSON. Control characters become "?", so that
/// stored text cannot steer a terminal. No line break at the end.
std::string text_table(const json::array& rows, const std::vector<text_column>& columns,
                       const std::string& empty);

/// A value as it appears in a table.
std::string cell_text(const json::value* x);

} // namespace callboard
