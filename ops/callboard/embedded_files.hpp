#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callboard {

/// The text of schema/openapi.yaml, built into the binary (I43).
std::string_view embedded_openapi();

/// File name ("github.json") and text of every file of schema/apps, by name, built into the binary.
std::vector<std::pair<std::string, std::string_view>> embedded_apps();

} // namespace callboard
