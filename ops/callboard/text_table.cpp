#include "ops/callboard/text_table.hpp"

#include <algorithm>
#include <string_view>

namespace callboard {
namespace {

constexpr std::size_t gap = 2;

const json::value* member_at(const json::value& row, std::string_view path) {
  const auto* x = &row;
  while (x && !path.empty()) {
    const auto dot = std::min(path.find('.'), path.size());
    x = x->is_object() ? find(x->get_object(), path.substr(0, dot)) : nullptr;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return x;
}

/// Code points, which is close enough to columns for names and ids.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string join(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 < cells.size())
      line.append(widths[i] - width_of(cells[i]) + gap, ' ');
  }
  return line;
}

} // namespace

std::string cell_text(const json::value* x) {
  if (!x || x->is_null())
    return "-";
  auto text = x->is_string() ? to_std(x->get_string()) : json::serialize(*x);
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  return text.empty() ? "-" : text;
}

std::string text_table(const json::array& rows, const std::vector<text_column>& columns,
                       const std::string& empty) {
  if (rows.empty())
    return empty;
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& column : columns)
    lines.front().push_back(column.head);
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& column : columns)
      line.push_back(cell_text(member_at(row, column.member)));
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], width_of(line[i]));
  std::string text;
  for (const auto& line : lines)
    text += (text.empty() ? "" : "\n") + join(line, widths);
  return text;
}

} // namespace callboard
