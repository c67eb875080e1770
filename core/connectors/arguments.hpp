#pragma once

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/connectors/catalogue.hpp"

namespace callboard::connectors {

/// Checks the arguments of a call against the tool's inputSchema and its cross-field rules and
/// fills in the defaults. A null counts as an absent argument unless the schema admits null; a
/// whole number spelt 1.0 becomes 1. errc::invalid_field: the text names the argument and what is
/// allowed, param is the argument's name; for the gateway it becomes an isError result (C5).
result<json::object> check_arguments(const tool& x, json::object arguments);

} // namespace callboard::connectors
