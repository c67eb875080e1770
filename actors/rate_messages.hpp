#pragma once

#include <caf/meta/type_name.hpp>

#include "core/billing/request_limits.hpp"

/// Rate limits as parts of messages; part of actors/interfaces.hpp.
namespace callboard::billing {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, counted_use& x) {
  return f(caf::meta::type_name("callboard::counted_use"), x.at, x.day, x.requests, x.tokens);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, limit_standing& x) {
  return f(caf::meta::type_name("callboard::limit_standing"), x.limit, x.remaining,
           x.reset_seconds);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, limits_standing& x) {
  return f(caf::meta::type_name("callboard::limits_standing"), x.requests, x.tokens);
}

} // namespace callboard::billing
