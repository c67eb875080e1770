#include <boost/test/unit_test.hpp>

#include "actors/look_up.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto token_url = "login/oauth/access_token";

struct connection_fixture : node_fixture {
  connection_fixture() {
    web->answer(token_url, {answer_json(200, R"({"access_token":"gho_second","refresh_token":"r2",
      "expires_in":28800})")});
    it = unbox(
      ask<connection_actor>(parts.directory, atom::conn_v, platform, user, std::string{"github"}));
  }

  std::vector<cell> row(const std::string& token, std::optional<std::string> expires_in_ms,
                        const std::string& version) const {
    return {{"id", "c1"},
            {"secret", R"({"access_token":")" + token + R"(","refresh_token":"r1"})"},
            {"expires_in_ms", std::move(expires_in_ms)},
            {"scopes", "[]"},
            {"provider_fields", R"({"subdomain":"acme"})"},
            {"version", version},
            {"is_active", "t"},
            {"needs_reconnect", "f"},
            {"app_active", "t"}};
  }

  caf::expected<credentials> token() { return ask<credentials>(it, atom::token_v); }
  caf::expected<credentials> refresh(const std::string& stale) {
    return ask<credentials>(it, atom::refresh_v, stale);
  }

  /// The token that tool calls take without asking; "" when they have to ask.
  std::string laid_out(std::optional<std::int64_t> unix_time = std::nullopt) const {
    auto x = parts.addresses->credentials_of(user, "github", unix_time.value_or(parts.unix_time()));
    return x ? x->opened.access_token : std::string{};
  }

  /// Receives the credentials of a pending request; fails the test on an error and without answer.
  template <class Pending>
  std::string receive_token(Pending& pending) {
    std::string found;
    BOOST_REQUIRE(!self->mailbox().empty());
    pending.receive([&](const credentials& x) { found = x.access_token; },
                    [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); });
    return found;
  }

  connection_actor it;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(connection_test, connection_fixture)

BOOST_AUTO_TEST_CASE(a_token_is_read_once_and_kept) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  auto x = unbox(token());
  BOOST_TEST(x.access_token == "gho_first");
  BOOST_TEST(x.id.value == "c1");
  BOOST_TEST(x.fields == R"({"subdomain":"acme"})");
  unbox(token());
  auto call = db->only("connection/find");
  BOOST_TEST(call.tenant.value == platform.value);
  BOOST_TEST(call.values.at(0).data == user.value);
  BOOST_TEST(call.values.at(1).data == "github");
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_connected_active_or_whole_says_so) {
  auto good = row("gho_first", std::nullopt, "1");
  db->answer_empty("connection/find");
  BOOST_TEST((code_of(token().error()) == errc::app_not_connected));
  for (std::size_t column : {6u, 7u, 8u}) {
    auto bad = good;
    bad[column].second = bad[column].second == "t" ? "f" : "t";
    db->answer("connection/find", bad);
    BOOST_TEST((code_of(token().error()) == errc::app_not_connected), bad[column].first);
  }
  auto broken = good;
  broken[1].second = "not json";
  db->answer("connection/find", broken);
  BOOST_TEST((code_of(token().error()) == errc::seal_broken));
  db->away = true;
  BOOST_TEST((code_of(token().error()) == errc::store_unavailable));
  db->away = false;
  db->answer("connection/find", good);
  BOOST_TEST(!!token());
}

BOOST_AUTO_TEST_CASE(a_token_is_renewed_before_it_expires) {
  db->answer("connection/find", row("gho_first", "120000", "1"));
  BOOST_TEST(unbox(token()).access_token == "gho_first");
  *unix_now += 70;
  BOOST_TEST(unbox(token()).access_token == "gho_second");
  BOOST_TEST(web->count(token_url) == 1u);
  BOOST_TEST(web->requests.front().message.body.find("refresh_token=r1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(renewed_tokens_are_stored_before_they_are_used) {
  db->answer("connection/find", row("gho_first", "0", "1"));
  db->held = {"connection/update_tokens"};
  auto pending = self->request(it, 60min, atom::token_v);
  sched.run();
  BOOST_TEST(self->mailbox().empty());
  release("connection/update_tokens");
  BOOST_TEST(receive_token(pending) == "gho_second");
  auto values = db->only("connection/update_tokens").values;
  BOOST_TEST(values.at(1).data == "1");
  BOOST_TEST((values.at(2).as == store_value::form::secret));
  BOOST_TEST(values.at(2).row_id == "c1");
  BOOST_TEST(values.at(2).data.find("\"refresh_token\":\"r2\"") != std::string::npos);
  BOOST_TEST(values.at(3).data == "28800000");
}

BOOST_AUTO_TEST_CASE(a_provider_that_does_not_rotate_keeps_the_old_refresh_token) {
  web->answer(token_url, {answer_json(200, R"({"access_token":"gho_second","expires_in":10})")});
  db->answer("connection/find", row("gho_first", "0", "1"));
  unbox(token());
  BOOST_TEST(db->only("connection/update_tokens").values.at(2).data.find("\"r1\"")
             != std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_waiters_share_one_renewal) {
  db->answer("connection/find", row("gho_first", "0", "1"));
  web->answer(token_url, {answer_never()});
  auto first = self->request(it, 60min, atom::token_v);
  auto second = self->request(it, 60min, atom::token_v);
  auto third = self->request(it, 60min, atom::refresh_v, std::string{"gho_first"});
  sched.run();
  BOOST_REQUIRE(web->count(token_url) == 1u);
  tell(http, atom::done_v, web->requests.front().id,
       http_response{200, {}, R"({"access_token":"gho_second"})"});
  BOOST_TEST(receive_token(first) == "gho_second");
  BOOST_TEST(receive_token(second) == "gho_second");
  BOOST_TEST(receive_token(third) == "gho_second");
  BOOST_TEST(web->count(token_url) == 1u);
}

BOOST_AUTO_TEST_CASE(a_refused_token_is_renewed_once_for_all_who_hold_it) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  BOOST_TEST(unbox(refresh("gho_first")).access_token == "gho_second");
  BOOST_TEST(unbox(refresh("gho_first")).access_token == "gho_second");
  BOOST_TEST(web->count(token_url) == 1u);
}

BOOST_AUTO_TEST_CASE(a_refused_token_is_renewed_although_it_had_to_be_read_again) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  tell(it, atom::drop_v);
  BOOST_TEST(unbox(refresh("gho_first")).access_token == "gho_second");
}

BOOST_AUTO_TEST_CASE(who_has_a_refused_token_is_not_served_it_again_by_a_read_under_way) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  db->held = {"connection/find"};
  auto reader = self->request(it, 60min, atom::token_v);
  auto refused = self->request(it, 60min, atom::refresh_v, std::string{"gho_first"});
  sched.run();
  release("connection/find");
  BOOST_TEST(receive_token(reader) != "");
  BOOST_TEST(receive_token(refused) == "gho_second");
}

BOOST_AUTO_TEST_CASE(a_lost_claim_waits_for_the_other_nodes_tokens) {
  db->answer_in_turn("connection/find", {row("gho_first", "0", "1"), row("gho_first", "0", "1"),
                                         row("gho_other", "3600000", "2")});
  db->answer_empty("connection/claim_refresh");
  auto pending = self->request(it, 60min, atom::token_v);
  pass(2s);
  BOOST_TEST(receive_token(pending) == "gho_other");
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_refused_token_waits_for_the_other_nodes_tokens_as_well) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  db->answer_empty("connection/claim_refresh");
  auto pending = self->request(it, 60min, atom::refresh_v, std::string{"gho_first"});
  pass(1s);
  BOOST_TEST(self->mailbox().empty());
  db->answer("connection/find", row("gho_other", std::nullopt, "2"));
  pass(1s);
  BOOST_TEST(receive_token(pending) == "gho_other");
}

BOOST_AUTO_TEST_CASE(tokens_that_could_not_be_stored_because_newer_ones_exist_are_not_used) {
  db->answer_in_turn("connection/find",
                     {row("gho_first", "0", "1"), row("gho_reconnected", std::nullopt, "5")});
  db->answer_empty("connection/update_tokens");
  BOOST_TEST(unbox(token()).access_token == "gho_reconnected");
}

BOOST_AUTO_TEST_CASE(tokens_live_on_in_memory_when_the_store_goes_away) {
  db->answer("connection/find", row("gho_first", "0", "1"));
  db->refuse("connection/update_tokens", errc::store_unavailable);
  BOOST_TEST(unbox(token()).access_token == "gho_second");
  BOOST_TEST(unbox(token()).access_token == "gho_second");
  BOOST_TEST(web->count(token_url) == 1u);
}

BOOST_AUTO_TEST_CASE(a_final_refusal_marks_the_connection_broken) {
  web->answer(token_url, {answer_json(200, R"({"error":"bad_refresh_token"})")});
  db->answer("connection/find", row("gho_first", "0", "1"));
  BOOST_TEST((code_of(token().error()) == errc::app_not_connected));
  auto call = db->only("connection/mark_broken");
  BOOST_TEST(call.values.at(0).data == "c1");
  BOOST_TEST(call.values.at(1).data == "1");
}

BOOST_AUTO_TEST_CASE(a_connection_without_refresh_token_is_broken_when_its_token_is_refused) {
  auto x = row("gho_first", std::nullopt, "1");
  x[1].second = R"({"access_token":"gho_first","refresh_token":""})";
  db->answer("connection/find", x);
  unbox(token());
  BOOST_TEST((code_of(refresh("gho_first").error()) == errc::app_not_connected));
  BOOST_TEST(db->count("connection/mark_broken") == 1u);
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_connection_that_was_made_anew_meanwhile_is_not_broken) {
  web->answer(token_url, {answer_json(200, R"({"error":"bad_refresh_token"})")});
  db->answer_in_turn("connection/find",
                     {row("gho_first", "0", "1"), row("gho_reconnected", std::nullopt, "5")});
  db->answer_empty("connection/mark_broken");
  BOOST_TEST(unbox(token()).access_token == "gho_reconnected");
}

BOOST_AUTO_TEST_CASE(a_temporary_failure_is_no_end_and_is_tried_again_at_once) {
  web->answer(token_url, {answer_json(503, "{}"), answer_nothing(errc::upstream_unavailable),
                          answer_json(200, R"({"access_token":"gho_second"})")});
  db->answer("connection/find", row("gho_first", "0", "1"));
  // As the database does: the right to renew is given once until it runs out.
  db->answer_in_turn("connection/claim_refresh", {{{"id", "c1"}, {"version", "1"}}, {}});
  BOOST_TEST((code_of(token().error()) == errc::upstream_failed));
  BOOST_TEST((code_of(token().error()) == errc::upstream_unavailable));
  BOOST_TEST(db->count("connection/mark_broken") == 0u);
  BOOST_TEST(unbox(token()).access_token == "gho_second");
}

BOOST_AUTO_TEST_CASE(a_change_during_a_renewal_is_read_after_it) {
  db->answer_in_turn("connection/find",
                     {row("gho_first", "0", "1"), row("gho_reconnected", std::nullopt, "5")});
  web->answer(token_url, {answer_never()});
  auto pending = self->request(it, 60min, atom::token_v);
  sched.run();
  tell(it, atom::drop_v);
  tell(http, atom::done_v, web->requests.front().id,
       http_response{200, {}, R"({"access_token":"gho_second"})"});
  BOOST_TEST(receive_token(pending) == "gho_second");
  BOOST_TEST(unbox(token()).access_token == "gho_reconnected");
}

BOOST_AUTO_TEST_CASE(a_drop_makes_it_read_again) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  db->answer_empty("connection/find");
  forget_connection(self.ptr(), parts, platform, user, "github");
  BOOST_TEST((code_of(token().error()) == errc::app_not_connected));
}

BOOST_AUTO_TEST_CASE(a_change_of_keys_or_apps_makes_it_read_again) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  auto inactive = row("gho_first", std::nullopt, "1");
  inactive.back().second = "f";
  db->answer("connection/find", inactive);
  db->answer("auth/version", {{"version", "2"}});
  pass(1s);
  BOOST_TEST((code_of(token().error()) == errc::app_not_connected));
}

BOOST_AUTO_TEST_CASE(a_token_that_was_read_is_laid_out) {
  BOOST_TEST(laid_out() == "");
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  BOOST_TEST(laid_out() == "gho_first");
}

BOOST_AUTO_TEST_CASE(a_token_is_laid_out_until_it_has_to_be_renewed) {
  db->answer("connection/find", row("gho_first", "100000", "1"));
  unbox(token());
  auto now = parts.unix_time();
  BOOST_TEST(laid_out(now + 39) == "gho_first");
  BOOST_TEST(laid_out(now + 40) == "");
}

BOOST_AUTO_TEST_CASE(a_refused_token_is_taken_in_until_it_is_renewed) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  web->answer(token_url, {answer_never()});
  auto pending = self->request(it, 60min, atom::refresh_v, std::string{"gho_first"});
  sched.run();
  BOOST_TEST(laid_out() == "");
  tell(http, atom::done_v, web->requests.front().id,
       http_response{200, {}, R"({"access_token":"gho_second"})"});
  BOOST_TEST(receive_token(pending) == "gho_second");
  BOOST_TEST(laid_out() == "gho_second");
}

BOOST_AUTO_TEST_CASE(a_change_takes_the_token_in_before_the_connection_learns_of_it) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  unbox(token());
  parts.addresses->note_change();
  BOOST_TEST(laid_out() == "");
  unbox(token());
  BOOST_TEST(laid_out() == "gho_first");
  parts.addresses->withdraw(user, "github");
  BOOST_TEST(laid_out() == "");
  tell(it, atom::drop_v);
  unbox(token());
  BOOST_TEST(laid_out() == "gho_first");
  tell(it, atom::drop_v); // another node's change
  BOOST_TEST(laid_out() == "");
}

BOOST_AUTO_TEST_CASE(what_was_read_before_a_change_is_not_laid_out_after_it) {
  db->answer("connection/find", row("gho_first", std::nullopt, "1"));
  db->held = {"connection/find"};
  auto pending = self->request(it, 60min, atom::token_v);
  sched.run();
  parts.addresses->withdraw(user, "github");
  release("connection/find");
  BOOST_TEST(receive_token(pending) == "gho_first"); // who asked before may get it
  BOOST_TEST(laid_out() == "");
}

BOOST_AUTO_TEST_CASE(those_who_wait_at_its_end_are_answered) {
  db->held = {"connection/find"};
  auto pending = self->request(it, 60min, atom::token_v);
  sched.run();
  self->send_exit(it, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_REQUIRE(!self->mailbox().empty());
  pending.receive([](const credentials&) { BOOST_ERROR("answered"); },
                  [](const caf::error& x) { BOOST_TEST((code_of(x) == errc::shutting_down)); });
}

BOOST_AUTO_TEST_CASE(its_report_holds_no_token) {
  unbox(token());
  auto text = unbox(ask<std::string>(it, atom::status_v));
  BOOST_TEST(text.find("gho_first") == std::string::npos);
  BOOST_TEST(text.find("\"opened\":true") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
