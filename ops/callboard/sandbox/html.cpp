#include "ops/callboard/sandbox/html.hpp"

namespace callboard::sandbox {

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += c;
    }
  }
  return out;
}

answer html_page(int status, std::string_view title, const std::string& content) {
  const auto name = html_escape(title);
  return text_answer(status, "text/html; charset=utf-8",
                     "<!doctype html>\n<meta charset=\"utf-8\">\n<title>" + name + "</title>\n<h1>"
                       + name + "</h1>\n" + content + "\n");
}

} // namespace callboard::sandbox
