#pragma once

namespace callboard {

/// The version of this program, "0.1.0".
extern const char* const version_text;

} // namespace callboard
