#include "core/mcp/sse.hpp"

#include <algorithm>
#include <charconv>

namespace callboard {
namespace {

/// Single-line text for `event:`, `id:` and comments: a line end in it would start another field.
std::string one_line(std::string_view text) {
  std::string out{text};
  std::replace_if(
    out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

} // namespace

result<std::vector<sse_event>> sse_parser::feed(std::string_view bytes) {
  std::vector<sse_event> out;
  while (!bytes.empty() && !failed_) {
    if (after_cr_ && bytes.front() == '\n')
      bytes.remove_prefix(1); // the second half of a CRLF that ended a line already
    after_cr_ = false;
    auto end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    failed_ = line_.size() + pending_bytes_ > event_bytes_max_;
    if (failed_ || end == std::string_view::npos)
      break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line(out);
  }
  if (failed_)
    return make_problem(errc::response_too_large, "An event of the stream is too large.");
  return out;
}

std::optional<sse_event> sse_parser::finish() {
  if (failed_)
    return std::nullopt;
  std::vector<sse_event> out;
  if (!line_.empty())
    end_line(out);
  end_line(out); // the blank line that is missing
  if (out.empty())
    return std::nullopt;
  return std::move(out.front());
}

void sse_parser::end_line(std::vector<sse_event>& out) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  std::string_view line = line_;
  if (at_start_ && line.starts_with(byte_order_mark))
    line.remove_prefix(byte_order_mark.size());
  at_start_ = false;
  if (line.empty()) {
    if (has_data_) {
      pending_.data.pop_back(); // every data line added an LF
      out.push_back(std::move(pending_));
    }
    pending_ = sse_event{};
    pending_bytes_ = 0;
    has_data_ = false;
  } else {
    auto colon = line.find(':');
    auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' '))
      value.remove_prefix(1);
    take_field(line.substr(0, colon), value); // a comment is a field without name
  }
  line_.clear();
}

void sse_parser::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    pending_.data += value;
    pending_.data += '\n';
    has_data_ = true;
    pending_bytes_ += value.size() + 1;
  } else if (name == "event") {
    pending_bytes_ += value.size();
    pending_.type = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    pending_bytes_ += value.size();
    pending_.id = std::string{value};
  } else if (name == "retry") {
    std::int64_t number = 0;
    auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem == std::errc{} && end == value.data() + value.size() && number >= 0)
      pending_.retry = number;
  }
}

std::string sse_frame(std::string_view type, std::string_view data, std::string_view id) {
  constexpr std::size_t field_names_size = 24;
  std::string out;
  out.reserve(type.size() + data.size() + id.size() + field_names_size);
  if (!type.empty())
    out.append("event: ").append(one_line(type)).append("\n");
  if (!id.empty())
    out.append("id: ").append(one_line(id)).append("\n");
  for (;;) {
    auto end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos)
      break;
    auto skip = data.substr(end, 2) == "\r\n" ? 2u : 1u;
    data.remove_prefix(end + skip);
  }
  out += '\n';
  return out;
}

std::string sse_priming(std::string_view id, std::int64_t retry_ms) {
  return "id: " + std::string{one_line(id)} + "\nretry: " + std::to_string(retry_ms)
         + "\ndata: \n\n";
}

std::string sse_comment(std::string_view text) { return ": " + one_line(text) + "\n\n"; }

} // namespace callboard
