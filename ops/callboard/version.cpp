#include "ops/callboard/version.hpp"

namespace callboard {

const char* const version_text = CALLBOARD_VERSION;

} // namespace callboard
