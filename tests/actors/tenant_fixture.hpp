#pragma once

#include <string>

#include <boost/test/unit_test.hpp>

#include "tests/support/node_fixture.hpp"

namespace callboard {

/// A platform's tenant actor, and what it is asked.
struct tenant_fixture : node_fixture {
  admission tool(const std::string& id) const {
    admission x;
    x.id = {id};
    x.request_hash = "hash";
    x.kind = hold_kind::mcp;
    x.end_user = user;
    x.subject = "github_get_issue";
    x.app = "github";
    x.request = {"req-1"};
    return x;
  }

  admission turn(const std::string& id) const {
    admission x;
    x.id = {id};
    x.request_hash = "hash";
    x.end_user = user;
    x.amount = {2500};
    x.subject = "test-model";
    x.request = {"req-1"};
    x.loop = {"loop-1"};
    x.turn = 2;
    x.turns_max = 10;
    return x;
  }

  void answer_reserve(const std::string& code) {
    db->answer("wallet/reserve",
               {{"code", code}, {"free", "f"}, {"amount", "0"}, {"status", std::nullopt}});
  }

  caf::expected<hold_ticket> admit(const admission& x) {
    return ask<hold_ticket>(tenant(), atom::admit_v, x);
  }
};

/// The end of a hold.
inline settlement outcome(const std::string& id, bool charge, std::int64_t amount) {
  settlement x;
  x.id = {id};
  x.charge = charge;
  x.actual = {amount};
  x.request_type = "mcp_tool";
  return x;
}

} // namespace callboard
