#include <algorithm>
#include <map>

#include <boost/test/unit_test.hpp>

#include "actors/dispatcher.hpp"
#include "actors/metrics.hpp"
#include "core/webhooks/signature.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

/// The part of PostgreSQL that dispatchers share: deliveries with due times and leases, as
/// webhook/claim and webhook/record treat them.
struct dispatcher_fixture : node_fixture {
  struct delivery {
    std::string endpoint;
    std::string url;
    std::int64_t attempts = 0;
    caf::actor_clock::time_point next_at{};
    std::string claim;
    char status = 'P';
    std::string error;
  };

  dispatcher_fixture() {
    settings->version = "9";
    db->handlers["webhook/claim"] = [this](const store_call& call) { return claim(call); };
    db->handlers["webhook/secret"] = [this](const store_call& call) -> result<store_rows> {
      if (call.values.at(0).data == broken)
        return make_problem(secret_problem, "no secret");
      return one_row({{"id", call.values.at(0).data}, {"secret", std::string{secret}}});
    };
    db->handlers["webhook/record"] = [this](const store_call& call) { return record(call); };
    db->handlers["webhook/release"] = [this](const store_call& call) { return release_all(call); };
    db->handlers["auth/version"] = [](const store_call&) { return one_row({{"version", "1"}}); };
  }

  auto now() { return self->clock().now(); }

  std::string add(const std::string& endpoint, const std::string& url = "https://x.test/hook") {
    auto id = "delivery-" + std::to_string(deliveries.size());
    deliveries[id] = {endpoint, url, 0, now(), {}, 'P', {}};
    return id;
  }

  store_rows claim(const store_call& call) {
    auto limit = std::stoul(call.values.at(0).data);
    auto each = std::stoul(call.values.at(1).data);
    auto& left_out = call.values.at(2).data;
    auto lease = std::chrono::milliseconds{std::stoll(call.values.at(4).data)};
    std::map<std::string, std::size_t> taken;
    store_rows rows;
    rows.columns = {"id", "url", "delivery_id", "attempts", "message_id", "body"};
    for (auto& [id, x] : deliveries) {
      if (x.status != 'P' || x.next_at > now() || left_out.find(x.endpoint) != std::string::npos
          || taken[x.endpoint] == each || rows.size() == limit)
        continue;
      ++taken[x.endpoint];
      x.claim = call.values.at(3).data;
      x.next_at = now() + lease;
      for (auto& text :
           {x.endpoint, x.url, id, std::to_string(x.attempts), "msg_" + id, std::string{body}}) {
        rows.cells.push_back(text);
        rows.nulls.push_back(0);
      }
    }
    return rows;
  }

  store_rows record(const store_call& call) {
    auto& x = deliveries.at(call.values.at(0).data);
    if (x.claim != call.values.at(1).data)
      return one_row({{"code", "late"}});
    auto& next = call.values.at(6);
    ++x.attempts;
    x.claim.clear();
    x.error = call.values.at(4).data;
    x.status = call.values.at(2).data == "t" ? 'S' : next.as == store_value::form::null ? 'F' : 'P';
    if (x.status == 'P')
      x.next_at = now() + std::chrono::milliseconds{std::stoll(next.data)};
    return one_row({{"code", record_code}});
  }

  store_rows release_all(const store_call& call) {
    for (auto& [id, x] : deliveries)
      if (!x.claim.empty() && call.values.at(0).data.find(x.claim) != std::string::npos) {
        x.claim.clear();
        x.next_at = now();
      }
    return one_row({{"released", "1"}});
  }

  dispatcher_actor start() { return spawn(dispatcher, parts); }

  json::value status(const dispatcher_actor& it) {
    return json::parse(unbox(ask<std::string>(it, atom::status_v)));
  }

  std::size_t pending() const {
    return static_cast<std::size_t>(std::count_if(deliveries.begin(), deliveries.end(),
                                                  [](auto& x) { return x.second.status == 'P'; }));
  }

  static constexpr const char* secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  static constexpr const char* body = R"({"event_type":"budget.topped_up"})";
  std::map<std::string, delivery> deliveries;
  std::string record_code = "ok";
  /// The endpoint whose secret cannot be read, and why.
  std::string broken;
  errc secret_problem = errc::seal_broken;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(dispatcher_test, dispatcher_fixture)

BOOST_AUTO_TEST_CASE(a_due_delivery_is_posted_signed) {
  web->answer("x.test", {answer_json(204, "")});
  auto id = add("e1");
  start();
  BOOST_REQUIRE(web->requests.size() == 1u);
  auto& sent = web->requests[0];
  BOOST_TEST(sent.message.method == "POST");
  BOOST_TEST(sent.message.url == "https://x.test/hook");
  BOOST_TEST(sent.message.body == body);
  BOOST_TEST((sent.timeout == 15s));
  auto header = [&](const char* name) {
    return std::string{find_header(sent.message.headers, name).value_or("")};
  };
  BOOST_TEST(header("webhook-id") == "msg_" + id);
  BOOST_TEST(header("webhook-timestamp") == std::to_string(start_time));
  BOOST_TEST(header("Content-Type") == "application/json");
  BOOST_TEST(
    webhooks::signature_fits(header("webhook-signature"), secret, "msg_" + id, start_time, body));
  BOOST_TEST(deliveries.at(id).status == 'S');
  pass(1h);
  BOOST_TEST(web->requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_event_is_on_its_way_within_a_second) {
  web->answer("x.test", {answer_json(200, "")});
  start();
  pass(10s);
  add("e1");
  pass(1s);
  BOOST_TEST(web->requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_failed_delivery_is_tried_eight_times_with_growing_pauses) {
  web->answer("x.test", {answer_json(500, "")});
  auto id = add("e1");
  auto began = now();
  start();
  std::vector<std::int64_t> at{0};
  for (auto pause : {5s, 300s, 1800s, 7200s, 18000s, 36000s, 36000s}) {
    pass(pause - 2s);
    BOOST_TEST(web->requests.size() == at.size()); // not early
    pass(2s);
    at.push_back((now() - began).count());
    BOOST_TEST(web->requests.size() == at.size());
  }
  BOOST_TEST(deliveries.at(id).attempts == 8);
  BOOST_TEST(deliveries.at(id).status == 'F');
  BOOST_TEST(deliveries.at(id).error == "status_500");
  pass(12h);
  BOOST_TEST(web->requests.size() == 8u);
}

BOOST_AUTO_TEST_CASE(each_attempt_has_a_time_of_its_own_and_the_same_id) {
  web->answer("x.test", {answer_json(500, ""), answer_json(200, "")});
  add("e1");
  start();
  *unix_now += 6;
  pass(6s);
  BOOST_REQUIRE(web->requests.size() == 2u);
  auto header = [&](std::size_t i, const char* name) {
    return std::string{find_header(web->requests[i].message.headers, name).value_or("")};
  };
  BOOST_TEST(header(0, "webhook-id") == header(1, "webhook-id"));
  BOOST_TEST(header(0, "webhook-timestamp") != header(1, "webhook-timestamp"));
  BOOST_TEST(header(0, "webhook-signature") != header(1, "webhook-signature"));
}

BOOST_AUTO_TEST_CASE(whatever_is_no_success_is_a_failure_with_its_reason) {
  const std::pair<scripted_answer, std::string> table[]{
    {answer_json(302, "", {{"Location", "https://elsewhere.test"}}), "status_302"},
    {answer_json(404, ""), "status_404"},
    {answer_nothing(errc::upstream_timeout), "upstream_timeout"},
    {answer_nothing(errc::address_refused), "address_refused"},
    {answer_nothing(errc::upstream_unavailable), "upstream_unavailable"}};
  std::vector<std::string> ids;
  for (auto& [answer, wanted] : table) {
    auto host = "h" + std::to_string(ids.size());
    web->answer(host + ".test", {answer});
    ids.push_back(add(host, "https://" + host + ".test/"));
  }
  start();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    BOOST_TEST(deliveries.at(ids[i]).error == table[i].second);
    BOOST_TEST(deliveries.at(ids[i]).status == 'P');
  }
  BOOST_TEST(web->count("elsewhere") == 0u);
}

BOOST_AUTO_TEST_CASE(a_secret_that_cannot_be_opened_is_its_endpoints_failure_only) {
  web->answer("x.test", {answer_json(200, "")});
  broken = "bad";
  auto ids = {add("bad"), add("bad"), add("good")};
  auto it = start();
  BOOST_TEST(web->requests.size() == 1u);
  for (auto& id : ids) {
    bool bad = deliveries.at(id).endpoint == "bad";
    BOOST_TEST(deliveries.at(id).error == (bad ? "seal_broken" : ""));
    BOOST_TEST(deliveries.at(id).status == (bad ? 'P' : 'S'));
  }
  BOOST_TEST(status(it).at("state").at("under_way") == 0);
}

BOOST_AUTO_TEST_CASE(a_store_that_goes_away_between_claim_and_secret_is_no_failure) {
  web->answer("x.test", {answer_json(200, "")});
  broken = "e1";
  secret_problem = errc::store_unavailable;
  auto id = add("e1");
  start();
  broken.clear();
  pass(35s); // the lease runs out
  BOOST_TEST(web->requests.size() == 1u);
  BOOST_TEST(deliveries.at(id).attempts == 1);
  BOOST_TEST(deliveries.at(id).status == 'S');
}

BOOST_AUTO_TEST_CASE(attempts_are_counted_by_outcome) {
  web->answer("x.test", {answer_json(200, ""), answer_json(500, "")});
  add("e1");
  add("e2");
  start();
  auto text = parts.metrics->render();
  for (auto* line : {R"(callboard_webhook_attempts_total{outcome="success"} 1)",
                     R"(callboard_webhook_attempts_total{outcome="error"} 1)"})
    BOOST_TEST(text.find(line) != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_never_answers_costs_its_time_limit_and_no_more) {
  web->answer("silent.test", {answer_never()});
  web->answer("x.test", {answer_json(200, "")});
  for (int i = 0; i < 10; ++i)
    add("silent", "https://silent.test/");
  for (int i = 0; i < 10; ++i)
    add("quick");
  start();
  BOOST_TEST(web->count("silent.test") == 4u); // no more at a time
  BOOST_TEST(web->count("x.test") == 10u);     // one round after the other
  pass(1min);
  BOOST_TEST(web->count("silent.test") > 4u);
  BOOST_TEST(deliveries.at("delivery-0").attempts > 0);
  BOOST_TEST(deliveries.at("delivery-0").status == 'P');
}

BOOST_AUTO_TEST_CASE(attempts_under_way_have_a_bound) {
  web->answer("silent.test", {answer_never()});
  for (int i = 0; i < 100; ++i)
    add("endpoint-" + std::to_string(1000 + i), "https://silent.test/");
  auto it = start();
  pass(5s);
  BOOST_TEST(web->count("silent.test") == 64u);
  BOOST_TEST(status(it).at("state").at("under_way") == 64);
}

BOOST_AUTO_TEST_CASE(the_deliveries_of_a_dead_node_are_taken_over) {
  web->answer("x.test", {answer_never(), answer_json(200, "")});
  auto id = add("e1");
  auto first = start();
  auto claim_of_the_dead = deliveries.at(id).claim;
  db->handlers.erase("webhook/release"); // it has no time for that
  self->send_exit(first, caf::exit_reason::kill);
  sched.run();
  start();
  pass(25s);
  BOOST_TEST(web->requests.size() == 1u); // the lease holds
  pass(10s);
  BOOST_TEST(web->requests.size() == 2u);
  BOOST_TEST(deliveries.at(id).status == 'S');
  BOOST_TEST(claim_of_the_dead != "");
}

BOOST_AUTO_TEST_CASE(two_nodes_send_each_delivery_once) {
  web->answer("x.test", {answer_json(200, "")});
  start();
  start();
  for (int i = 0; i < 50; ++i)
    add("endpoint-" + std::to_string(1000 + i));
  pass(5s);
  BOOST_TEST(web->requests.size() == 50u);
  BOOST_TEST(pending() == 0u);
}

BOOST_AUTO_TEST_CASE(an_outcome_that_cannot_be_recorded_is_sent_again) {
  web->answer("x.test", {answer_json(200, "")});
  auto id = add("e1");
  auto good = db->handlers["webhook/record"];
  db->refuse("webhook/record", errc::store_unavailable);
  start();
  BOOST_TEST(web->requests.size() == 1u);
  db->handlers["webhook/record"] = good;
  pass(35s);
  BOOST_TEST(web->requests.size() == 2u);
  BOOST_TEST(deliveries.at(id).status == 'S');
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_stops_nothing_for_good) {
  web->answer("x.test", {answer_json(200, "")});
  db->away = true;
  add("e1");
  start();
  pass(10s);
  BOOST_TEST(web->requests.empty());
  db->away = false;
  pass(1s);
  BOOST_TEST(web->requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_drained_dispatcher_takes_nothing_new_and_ends_what_it_has) {
  web->answer("x.test", {answer_json(200, "")});
  auto it = start();
  tell(it, atom::drain_v);
  add("e1");
  pass(10s);
  BOOST_TEST(web->requests.empty());
  BOOST_TEST(status(it).at("state").at("draining") == true);
}

BOOST_AUTO_TEST_CASE(what_is_under_way_at_the_end_is_given_back) {
  web->answer("x.test", {answer_never(), answer_json(200, "")});
  auto id = add("e1");
  auto first = start();
  self->send_exit(first, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_TEST(deliveries.at(id).claim == "");
  start();
  pass(1s);
  BOOST_TEST(deliveries.at(id).status == 'S');
}

BOOST_AUTO_TEST_CASE(the_directory_shows_it) {
  web->answer("x.test", {answer_json(200, ""), answer_json(500, "")});
  add("e1");
  add("e2");
  start();
  auto rows = json::parse(unbox(
    ask<std::string>(parts.directory, atom::status_v, std::string{"dispatcher"}, std::string{})));
  BOOST_REQUIRE(rows.as_array().size() == 1u);
  BOOST_TEST(rows.at(0).at("key") == "webhook");
  BOOST_TEST(rows.at(0).at("state").at("delivered_total") == 1);
  BOOST_TEST(rows.at(0).at("state").at("failed_total") == 1);
}

BOOST_AUTO_TEST_SUITE_END()
