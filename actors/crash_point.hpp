#pragma once

#include <string_view>

namespace callboard {

#ifdef CALLBOARD_CRASH_POINTS
/// A named place where tests let the program die. `CALLBOARD_CRASH_AT=<place>[:n]` kills the
/// process with SIGKILL when it comes there for the n-th time (the first without n);
/// `CALLBOARD_CRASH_AT=<place>:n:stop` stops it with SIGSTOP, so that a test can break something
/// else at that moment. Any thread.
void crash_point(std::string_view place);
#else
/// Nothing, in builds that are not for tests.
inline void crash_point(std::string_view) {}
#endif

} // namespace callboard
