#include "actors/address_book.hpp"

#include <boost/test/unit_test.hpp>

#include "actors/look_up.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

struct book_fixture : node_fixture {
  address_book& book = *parts.addresses;
  session_id id{"session-1"};
  std::string digest = to_hex(sha256(id.value));
  principal who{key_kind::end_user, {"k1"}, platform, user, {}};

  book_fixture() {
    db->answer("session/find", {{"id_hash", digest},
                                {"end_user_id", user.value},
                                {"key_id", "k1"},
                                {"app_slug", "github"},
                                {"protocol", "2025-06-18"},
                                {"capabilities", "{}"}});
  }

  session_actor activate() {
    return unbox(
      ask<session_actor>(parts.directory, atom::session_v, id, who, std::string{"github"}));
  }

  void end(const caf::actor& x) {
    self->send_exit(x, caf::exit_reason::kill);
    sched.run();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(address_book_test, book_fixture)

BOOST_AUTO_TEST_CASE(an_activated_tenant_is_found_until_it_ends) {
  BOOST_TEST(!book.tenant(platform, {}));
  auto x = tenant();
  BOOST_TEST((book.tenant(platform, {}) == x));
  end(caf::actor_cast<caf::actor>(x));
  BOOST_TEST(!book.tenant(platform, {}));
}

BOOST_AUTO_TEST_CASE(a_session_is_found_by_its_own_principal_and_app_only) {
  auto x = activate();
  BOOST_TEST((book.session(digest, who, "github") == x));
  auto other = who;
  other.end_user = other_user;
  BOOST_TEST(!book.session(digest, other, "github"));
  other = who;
  other.key = {"another"};
  BOOST_TEST(!book.session(digest, other, "github"));
  BOOST_TEST(!book.session(digest, who, "slack"));
  BOOST_TEST(book.has_session(digest));
  end(caf::actor_cast<caf::actor>(x));
  BOOST_TEST(!book.has_session(digest));
}

BOOST_AUTO_TEST_CASE(the_end_of_a_former_actor_does_not_erase_the_session) {
  auto x = activate();
  book.erase_session(digest, x.id() + 1);
  BOOST_TEST(book.has_session(digest));
  book.erase_session(digest, x.id());
  BOOST_TEST(!book.has_session(digest));
}

BOOST_AUTO_TEST_CASE(looking_up_keeps_a_tenant_from_being_collected) {
  auto x = tenant();
  for (int i = 0; i < 3; ++i) {
    pass(10min);
    BOOST_TEST((book.tenant(platform, sched.clock().now()) == x));
  }
  pass(17min);
  BOOST_TEST(!book.tenant(platform, sched.clock().now()));
}

BOOST_AUTO_TEST_CASE(who_is_in_the_book_is_found_without_a_message) {
  auto x = tenant();
  bool found = false;
  spawn([&](caf::event_based_actor* me) -> caf::behavior {
    with_tenant(
      me, parts, platform, [&](const tenant_actor& known) { found = known == x; },
      [](const caf::error& why) { BOOST_ERROR(caf::to_string(why)); });
    BOOST_TEST(found); // before anybody else has run
    return {[](caf::unit_t) {}};
  });
}

BOOST_AUTO_TEST_CASE(who_is_not_in_the_book_is_activated) {
  tenant_actor found;
  spawn([&](caf::event_based_actor* me) -> caf::behavior {
    with_tenant(
      me, parts, platform, [&](const tenant_actor& x) { found = x; },
      [](const caf::error& why) { BOOST_ERROR(caf::to_string(why)); });
    return {[](caf::unit_t) {}};
  });
  BOOST_TEST((found && found == tenant()));
}

BOOST_AUTO_TEST_CASE(a_changed_connection_is_told_before_whoever_asks_next) {
  auto x = unbox(
    ask<connection_actor>(parts.directory, atom::conn_v, platform, user, std::string{"github"}));
  unbox(ask<credentials>(x, atom::token_v));
  db->answer_empty("connection/find");
  forget_connection(self.ptr(), parts, platform, user, "github");
  auto next = ask<credentials>(x, atom::token_v);
  BOOST_TEST((code_of(next.error()) == errc::app_not_connected));
}

BOOST_AUTO_TEST_CASE(a_connection_hears_of_a_changed_app_before_the_directory_has_told_it) {
  auto x = unbox(
    ask<connection_actor>(parts.directory, atom::conn_v, platform, user, std::string{"github"}));
  unbox(ask<credentials>(x, atom::token_v));
  db->answer_empty("connection/find");
  unbox(ask<credentials>(x, atom::token_v)); // nobody said that anything changed
  book.note_change();
  auto next = ask<credentials>(x, atom::token_v);
  BOOST_TEST((code_of(next.error()) == errc::app_not_connected));
}

BOOST_AUTO_TEST_CASE(a_revoked_key_is_not_believed_any_more) {
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  BOOST_TEST(parts.principals->find(sha256(user_key)).has_value());
  forget_keys(self.ptr(), parts);
  BOOST_TEST(!parts.principals->find(sha256(user_key)));
}

BOOST_AUTO_TEST_SUITE_END()
