#pragma once

#include <cstdint>
#include <optional>

#include "actors/call.hpp"
#include "actors/look_up.hpp"

namespace callboard::calls {

/// Rate limits as a body gives them; what is absent or null is no limit.
struct rate_limit_fields {
  std::optional<std::int64_t> rpm;
  std::optional<std::int64_t> tpm;
  std::optional<std::int64_t> rpd;
};

/// Reads rpm_limit, tpm_limit and rpd_limit; problems are left in `fields`.
rate_limit_fields read_rate_limits(field_reader& fields);

/// Tells the platform's tenant actor on this node that limits have changed, then calls `then`;
/// others notice by themselves.
template <class Then>
void announce_rate_limits(call_self self, Then then) {
  auto& state = self->state;
  with_tenant(
    self, state.parts, state.who.platform,
    [self, then](const tenant_actor& tenant) {
      self->send(tenant, atom::drop_v);
      then();
    },
    [then](const caf::error&) { then(); }); // stored all the same
}

} // namespace callboard::calls
