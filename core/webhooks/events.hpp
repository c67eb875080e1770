#pragma once

#include <string_view>
#include <vector>

namespace callboard::webhooks {

/// The event types that an endpoint may subscribe to.
const std::vector<std::string_view>& event_types();

/// What an endpoint gets that names none: all but "budget.debited", of which there is one for each
/// charge.
const std::vector<std::string_view>& default_event_types();

/// Whether there is such an event type.
bool is_event_type(std::string_view x);

} // namespace callboard::webhooks
