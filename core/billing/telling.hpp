#pragma once

#include <string>
#include <vector>

#include "core/billing/explanation.hpp"

namespace callboard::billing {

/// How a turn's price comes about, exactly: "(100 x 2.500000 + 35 x 10.000000) / 1000000 =
/// 0.0006, x 1.2 (markup) = 0.00072, rounded up 0.000720". Empty when the result is beyond what
/// can be written exactly, which is far beyond money_max.
std::string calculation(const token_usage& tokens, const turn_prices& prices);

/// What happened in one step, as a person would tell it; the first line is its head.
std::vector<std::string> tell_step(const explained_step& x);

/// The whole explanation in lines. Stored text is as it is: who prints it on a terminal takes
/// control characters out.
std::vector<std::string> tell(const explanation& x);

} // namespace callboard::billing
