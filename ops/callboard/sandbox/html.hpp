#pragma once

#include <string>
#include <string_view>

#include "ops/callboard/sandbox/answer.hpp"

namespace callboard::sandbox {

/// Text as the content of an element or attribute.
std::string html_escape(std::string_view text);

/// A page. `title` is text, `content` is HTML.
answer html_page(int status, std::string_view title, const std::string& content);

} // namespace callboard::sandbox
