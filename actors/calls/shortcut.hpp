#pragma once

#include "actors/interfaces.hpp"
#include "actors/node.hpp"

namespace callboard::calls {

/// Passes a POST to its session at once, without an actor for the call, when nothing has to be
/// found out and nothing is wrong with it: the usual message of a session. False when it did
/// nothing; then a call actor takes the request and says what is wrong. Does not throw.
bool pass_to_session(const node_parts& parts, const http_call_ptr& call) noexcept;

} // namespace callboard::calls
