#include "tests/support/source_tree.hpp"

namespace callboard {

std::filesystem::path source_tree() { return CALLBOARD_SOURCE_DIR; }

} // namespace callboard
