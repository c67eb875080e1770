#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

struct directory_fixture : node_fixture {
  directory_fixture() {
    db->answer("session/find", {{"id_hash", "hash-1"},
                                {"end_user_id", user.value},
                                {"key_id", "k1"},
                                {"app_slug", "github"},
                                {"protocol", "2025-11-25"}});
    who = {key_kind::end_user, {"k1"}, platform, user};
  }

  caf::expected<session_actor> find(const principal& asker, const std::string& app) {
    return ask<session_actor>(parts.directory, atom::session_v, id, asker, app);
  }

  session_id id{"session-1"};
  principal who;
};

/// A member that never answers its status.
status_actor::behavior_type silent(status_actor::pointer self) {
  return {
    [self](atom::status) -> caf::result<std::string> {
      return self->make_response_promise<std::string>();
    },
  };
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(directory_test, directory_fixture)

BOOST_AUTO_TEST_CASE(a_platform_has_one_tenant) {
  auto other = platform_id{"99999999-9999-4999-8999-999999999999"};
  BOOST_TEST((tenant() == tenant()));
  BOOST_TEST(
    (unbox(ask<tenant_actor>(parts.directory, atom::tenant_v, other)).address() != tenant()));
}

BOOST_AUTO_TEST_CASE(a_user_and_an_app_have_one_connection) {
  auto find = [&](const end_user_id& owner, std::string app) {
    return unbox(
      ask<connection_actor>(parts.directory, atom::conn_v, platform, owner, std::move(app)));
  };
  BOOST_TEST((find(user, "github") == find(user, "github")));
  BOOST_TEST((find(user, "github") != find(user, "slack")));
  BOOST_TEST((find(user, "github") != find(other_user, "github")));
}

BOOST_AUTO_TEST_CASE(a_session_is_activated_once_for_concurrent_askers) {
  db->held = {"session/find"};
  auto first =
    self->request(parts.directory, 60min, atom::session_v, id, who, std::string{"github"});
  auto second =
    self->request(parts.directory, 60min, atom::session_v, id, who, std::string{"github"});
  sched.run();
  release("session/find");
  std::vector<session_actor> found;
  auto add = [&](const session_actor& x) { found.push_back(x); };
  auto fail = [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); };
  first.receive(add, fail);
  second.receive(add, fail);
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST((found[0] == found[1]));
  BOOST_TEST((unbox(find(who, "github")) == found[0]));
  auto call = db->only("session/find");
  BOOST_TEST(call.tenant.value == platform.value);
  BOOST_TEST(call.values.at(0).data == to_hex(sha256(id.value)));
}

BOOST_AUTO_TEST_CASE(a_session_belongs_to_its_key_user_and_app_before_and_after_activation) {
  auto thief = who;
  thief.key = {"k2"};
  auto stranger = who;
  stranger.end_user = other_user;
  for (int round = 0; round < 2; ++round) {
    BOOST_TEST((code_of(find(thief, "github").error()) == errc::session_expired));
    BOOST_TEST((code_of(find(stranger, "github").error()) == errc::session_expired));
    BOOST_TEST((code_of(find(who, "slack").error()) == errc::session_expired));
    BOOST_TEST(!!find(who, "github"));
  }
}

BOOST_AUTO_TEST_CASE(concurrent_askers_are_judged_one_by_one) {
  auto thief = who;
  thief.key = {"k2"};
  db->held = {"session/find"};
  auto bad =
    self->request(parts.directory, 60min, atom::session_v, id, thief, std::string{"github"});
  auto good =
    self->request(parts.directory, 60min, atom::session_v, id, who, std::string{"github"});
  sched.run();
  release("session/find");
  bad.receive([](const session_actor&) { BOOST_ERROR("not theirs"); },
              [](const caf::error& x) { BOOST_TEST((code_of(x) == errc::session_expired)); });
  good.receive([](const session_actor&) {},
               [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); });
}

BOOST_AUTO_TEST_CASE(a_stranger_of_another_platform_does_not_spoil_an_activation) {
  auto foreign = who;
  foreign.platform = {"99999999-9999-4999-8999-999999999999"};
  foreign.key = {"k9"};
  db->handlers["session/find"] = [script = db->handlers["session/find"],
                                  mine = platform](const store_call& call) {
    return call.tenant == mine ? script(call) : result<store_rows>{store_rows{}};
  };
  db->held = {"session/find"};
  auto bad =
    self->request(parts.directory, 60min, atom::session_v, id, foreign, std::string{"github"});
  auto good =
    self->request(parts.directory, 60min, atom::session_v, id, who, std::string{"github"});
  sched.run();
  release("session/find");
  bad.receive([](const session_actor&) { BOOST_ERROR("not theirs"); },
              [](const caf::error& x) { BOOST_TEST((code_of(x) == errc::session_expired)); });
  good.receive([](const session_actor&) {},
               [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); });
}

BOOST_AUTO_TEST_CASE(an_unknown_session_is_expired_and_an_absent_store_is_unavailable) {
  db->answer_empty("session/find");
  BOOST_TEST((code_of(find(who, "github").error()) == errc::session_expired));
  db->away = true;
  BOOST_TEST((code_of(find(who, "github").error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(a_session_that_died_is_activated_again) {
  auto first = unbox(find(who, "github"));
  self->send_exit(first, caf::exit_reason::kill);
  sched.run();
  auto second = unbox(find(who, "github"));
  BOOST_TEST((first != second));
  BOOST_TEST(db->count("session/find") == 2u);
}

BOOST_AUTO_TEST_CASE(tenants_and_connections_that_died_are_made_again) {
  auto first = tenant();
  self->send_exit(first, caf::exit_reason::kill);
  sched.run();
  BOOST_TEST((tenant() != first));
  BOOST_TEST(!!ask<std::string>(tenant(), atom::status_v));
}

BOOST_AUTO_TEST_CASE(idle_tenants_are_collected_and_used_ones_stay) {
  auto first = tenant();
  pass(10min);
  BOOST_TEST((tenant() == first));
  pass(10min);
  BOOST_TEST((tenant() == first));
  pass(17min);
  BOOST_TEST((tenant() != first));
  BOOST_TEST(!ask<std::string>(first, atom::status_v));
}

BOOST_AUTO_TEST_CASE(idle_connections_are_collected) {
  auto find = [&] {
    return unbox(
      ask<connection_actor>(parts.directory, atom::conn_v, platform, user, std::string{"github"}));
  };
  auto first = find();
  pass(17min);
  BOOST_TEST((find() != first));
}

BOOST_AUTO_TEST_CASE(a_report_lists_actors_by_kind_and_id) {
  tenant();
  unbox(find(who, "github"));
  auto report = [&](std::string kind, std::string key) {
    return json::parse(unbox(ask<std::string>(parts.directory, atom::status_v, kind, key)))
      .as_array();
  };
  BOOST_TEST(report("", "").size() == 3u);
  auto tenants = report("tenant", platform.value);
  BOOST_REQUIRE(tenants.size() == 1u);
  auto& row = tenants[0].as_object();
  BOOST_TEST(to_std(row.at("kind").as_string()) == "tenant");
  BOOST_TEST(to_std(row.at("key").as_string()) == platform.value);
  BOOST_TEST(row.contains("mailbox"));
  BOOST_TEST(report("tenant", "someone else").empty());
  BOOST_TEST(report("session", to_hex(sha256(id.value))).size() == 1u);
  BOOST_TEST(report("authenticator", "").size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_member_that_does_not_answer_has_a_row_that_says_so) {
  auto member = spawn(silent);
  tell(parts.directory, atom::enlist_v, std::string{"loop"}, std::string{"l1"},
       status_actor{member});
  auto pending =
    self->request(parts.directory, 60min, atom::status_v, std::string{"loop"}, std::string{"l1"});
  sched.run();
  pass(1s);
  std::string text;
  pending.receive([&](std::string& x) { text = std::move(x); },
                  [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); });
  BOOST_TEST(text.find("\"no_answer\":true") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_enlisted_member_is_forgotten_when_it_ends) {
  auto member = spawn(silent);
  tell(parts.directory, atom::enlist_v, std::string{"loop"}, std::string{"l1"},
       status_actor{member});
  self->send_exit(member, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_TEST(
    unbox(ask<std::string>(parts.directory, atom::status_v, std::string{"loop"}, std::string{"l1"}))
    == "[]");
}

BOOST_AUTO_TEST_CASE(its_children_end_with_it) {
  auto child = tenant();
  auto live = unbox(find(who, "github"));
  self->send_exit(parts.directory, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_TEST(!ask<std::string>(child, atom::status_v));
  BOOST_TEST(!ask<std::string>(live, atom::status_v));
  BOOST_TEST(!ask<std::string>(parts.authenticator, atom::status_v));
}

BOOST_AUTO_TEST_CASE(an_activation_under_way_at_the_end_is_answered) {
  db->held = {"session/find"};
  auto pending =
    self->request(parts.directory, 60min, atom::session_v, id, who, std::string{"github"});
  sched.run();
  self->send_exit(parts.directory, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_REQUIRE(!self->mailbox().empty());
  caf::error why;
  pending.receive([](const session_actor&) {}, [&](caf::error& x) { why = x; });
  BOOST_TEST((code_of(why) == errc::shutting_down));
}

BOOST_AUTO_TEST_SUITE_END()
