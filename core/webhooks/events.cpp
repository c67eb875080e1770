#include "core/webhooks/events.hpp"

#include <algorithm>

namespace callboard::webhooks {

const std::vector<std::string_view>& default_event_types() {
  static const std::vector<std::string_view> types{"budget.topped_up", "budget.low_balance",
                                                   "budget.suspended", "budget.unsuspended"};
  return types;
}

const std::vector<std::string_view>& event_types() {
  static const auto types = [] {
    auto all = default_event_types();
    all.push_back("budget.debited");
    return all;
  }();
  return types;
}

bool is_event_type(std::string_view x) {
  auto& all = event_types();
  return std::find(all.begin(), all.end(), x) != all.end();
}

} // namespace callboard::webhooks
