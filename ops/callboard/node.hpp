#pragma once

#include "ops/callboard/settings.hpp"

namespace callboard {

/// Runs a node until SIGTERM or SIGINT; the process exit code.
int run_node(const serve_settings& settings);

} // namespace callboard
