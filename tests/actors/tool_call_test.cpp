#include <boost/test/unit_test.hpp>

#include "actors/address_book.hpp"
#include "actors/tool_call.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto issue_url = "api.github.com/repos/o/r/issues";
constexpr auto token_url = "login/oauth/access_token";
constexpr auto issue_body = R"({"number":7,"title":"T","state":"open","html_url":"https://x/7"})";

struct tool_call_fixture : node_fixture {
  tool_call_fixture() { web->answer(issue_url, {answer_json(200, issue_body)}); }

  ~tool_call_fixture() {
    if (actor)
      self->send_exit(actor, caf::exit_reason::user_shutdown);
  }

  tool_job read() const {
    return {{key_kind::end_user, {"k1"}, platform, user},         "github",   "github_get_issue",
            {{"owner", "o"}, {"repo", "r"}, {"issue_number", 7}}, {"hold-1"}, {"req-1"}};
  }

  tool_job write() const {
    auto x = read();
    x.tool = "github_create_issue";
    x.arguments = {{"owner", "o"}, {"repo", "r"}, {"title", "T"}};
    return x;
  }

  /// Starts a call and lets everything run that can.
  auto start(const tool_job& job) {
    actor = sys.spawn(tool_call, tool_call_args{parts});
    auto pending = self->request(actor, 60min, atom::run_v, job);
    sched.run();
    return pending;
  }

  template <class Pending>
  result<tool_result> receive(Pending& pending) {
    result<tool_result> x{caf::error{errc::internal}};
    BOOST_REQUIRE(!self->mailbox().empty());
    pending.receive([&](tool_result& y) { x = std::move(y); },
                    [&](caf::error& why) { x = std::move(why); });
    return x;
  }

  result<tool_result> run(const tool_job& job) {
    auto pending = start(job);
    if (self->mailbox().empty())
      pass(3s);
    return receive(pending);
  }

  /// "S", "V", or "" when nothing was resolved.
  std::string resolved() const {
    auto calls = db->calls_of("wallet/resolve");
    BOOST_REQUIRE(calls.size() <= 1u);
    return calls.empty() ? std::string{} : calls.front().values.at(1).data;
  }

  /// How often the provider was asked again, as the only resolution says.
  std::int64_t resends() const {
    auto row = parse_json_object(db->only("wallet/resolve").values.at(3).data);
    BOOST_REQUIRE(row);
    return find_integer(*row, "resends").value_or(0);
  }

  std::vector<std::string> borders() const {
    std::vector<std::string> found;
    for (auto& x : *log)
      if (x != "store auth/version")
        found.push_back(x);
    return found;
  }

  tool_call_actor actor;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tool_call_test, tool_call_fixture)

BOOST_AUTO_TEST_CASE(token_comes_before_hold_before_provider_before_settlement) {
  auto x = unbox(run(read()));
  BOOST_TEST(!x.is_error);
  BOOST_TEST(x.text.find("Issue #7 is open: T") != std::string::npos);
  BOOST_TEST(x.structured.find("\"number\":7") != std::string::npos);
  BOOST_TEST(x.paid.charged.value == 1500);
  BOOST_TEST(!x.free);
  const std::vector<std::string> expected{"store connection/find",
                                          "store tool_price/find",
                                          "store wallet/acquire",
                                          "store wallet/reserve",
                                          "http GET https://api.github.com/repos/o/r/issues/7",
                                          "store wallet/resolve"};
  BOOST_TEST(borders() == expected, boost::test_tools::per_element());
  auto sent = web->requests.front().message;
  BOOST_TEST(find_header(sent.headers, "Authorization").value_or("") == "Bearer gho_first");
}

BOOST_AUTO_TEST_CASE(a_token_that_is_laid_out_is_not_asked_for) {
  unbox(run(read()));
  auto& book = *parts.addresses;
  book.lay_out(user, "github", book.withdrawals(user, "github"),
               {{{"c1"}, "gho_laid_out", "{}"}, 0, book.changes()});
  auto job = read();
  job.hold = {"hold-2"};
  unbox(run(job));
  BOOST_REQUIRE(web->requests.size() == 2u);
  auto sent = web->requests.back().message;
  BOOST_TEST(find_header(sent.headers, "Authorization").value_or("") == "Bearer gho_laid_out");
}

BOOST_AUTO_TEST_CASE(the_answer_waits_for_the_settlement) {
  db->held = {"wallet/resolve"};
  auto pending = start(read());
  BOOST_TEST(self->mailbox().empty());
  release("wallet/resolve");
  BOOST_TEST(!!receive(pending));
}

BOOST_AUTO_TEST_CASE(an_unknown_tool_is_invalid_params_and_costs_nothing) {
  auto job = read();
  job.tool = "github_no_such_tool";
  BOOST_TEST((code_of(run(job).error()) == errc::invalid_params));
  job = read();
  job.app = "no_such_app";
  BOOST_TEST((code_of(run(job).error()) == errc::invalid_params));
  BOOST_TEST(borders().empty());
}

BOOST_AUTO_TEST_CASE(bad_arguments_are_a_result_and_take_no_hold) {
  for (auto* text : {R"({"owner":"o"})", R"({"owner":"o","repo":"r","issue_number":"x"})",
                     R"({"owner":"o","repo":"r","issue_number":7,"more":1})"}) {
    auto job = read();
    job.arguments = *parse_json_object(text);
    auto x = unbox(run(job));
    BOOST_TEST(x.is_error);
    BOOST_TEST(!x.text.empty());
  }
  BOOST_TEST(db->count("wallet/reserve") == 0u);
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(without_a_connection_nothing_is_held) {
  db->answer_empty("connection/find");
  BOOST_TEST((code_of(run(read()).error()) == errc::app_not_connected));
  BOOST_TEST(db->count("wallet/reserve") == 0u);
}

BOOST_AUTO_TEST_CASE(an_empty_wallet_keeps_the_provider_uncalled) {
  db->answer("wallet/reserve",
             {{"code", "insufficient"}, {"free", "f"}, {"amount", "0"}, {"status", std::nullopt}});
  BOOST_TEST((code_of(run(read()).error()) == errc::wallet_insufficient));
  BOOST_TEST(web->requests.empty());
  BOOST_TEST(resolved() == "");
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_keeps_the_provider_uncalled) {
  db->refuse("wallet/reserve", errc::store_unavailable);
  BOOST_TEST((code_of(run(read()).error()) == errc::store_unavailable));
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_hold_repeated_by_the_lane_is_ours_and_a_finished_one_is_not) {
  db->answer("wallet/reserve",
             {{"code", "exists"}, {"free", "f"}, {"amount", "5"}, {"status", "P"}});
  BOOST_TEST(!!run(read()));
  db->answer("wallet/reserve",
             {{"code", "exists"}, {"free", "f"}, {"amount", "5"}, {"status", "S"}});
  BOOST_TEST((code_of(run(read()).error()) == errc::conflict));
}

BOOST_AUTO_TEST_CASE(a_free_call_says_so) {
  db->answer("wallet/reserve", {{"code", "free"}, {"free", "t"}, {"amount", "0"}, {"status", "P"}});
  auto x = unbox(run(read()));
  BOOST_TEST(x.free);
  BOOST_TEST(x.paid.charged.value == 0);
}

// Its end was told so late that others had its slot.
BOOST_AUTO_TEST_CASE(a_call_that_was_free_at_first_and_is_paid_does_not_say_so) {
  db->answer("wallet/reserve", {{"code", "free"}, {"free", "t"}, {"amount", "0"}, {"status", "P"}});
  db->answer("wallet/resolve", {{"code", "late"},
                                {"status", "S"},
                                {"charged", "1500"},
                                {"overage", "1500"},
                                {"balance", "7"}});
  auto x = unbox(run(read()));
  BOOST_TEST(!x.free);
  BOOST_TEST(x.paid.charged.value == 1500);
}

BOOST_AUTO_TEST_CASE(what_counts_as_a_call) {
  struct row {
    const char* name;
    scripted_answer answer;
    const char* outcome;
    bool is_error;
  };
  const row table[]{
    {"success", answer_json(200, issue_body), "S", false},
    {"tool-level error", answer_json(404, R"({"message":"Not Found"})"), "S", true},
    {"validation error", answer_json(422, R"({"message":"Validation Failed"})"), "S", true},
    {"provider failed", answer_json(500, "{}"), "V", true},
    {"provider away", answer_nothing(errc::upstream_unavailable), "V", true},
    {"provider silent", answer_nothing(errc::upstream_timeout), "V", true},
    {"broken off", answer_nothing(errc::upstream_failed), "V", true},
    {"too large", answer_nothing(errc::response_too_large), "V", true},
    {"refused address", answer_nothing(errc::address_refused), "V", true},
    {"not JSON", {200, {}, {"<html>"}, {}, true, true}, "V", true}};
  for (auto& x : table) {
    db->calls.clear();
    web->answer(issue_url, {x.answer});
    BOOST_TEST(unbox(run(read())).is_error == x.is_error, x.name);
    BOOST_TEST(resolved() == x.outcome, x.name);
  }
}

BOOST_AUTO_TEST_CASE(the_log_of_a_long_error_ends_between_two_characters) {
  std::string words;
  for (int i = 0; i < 400; ++i)
    words += "\u00e9";
  for (std::string before : {"", "x"}) {
    db->calls.clear();
    web->answer(issue_url, {answer_json(422, R"({"message":")" + before + words + R"("})")});
    BOOST_TEST(unbox(run(read())).is_error);
    auto row = parse_json_object(db->only("wallet/resolve").values.at(3).data);
    BOOST_TEST(!!row, "one byte shifted by '" << before << "'");
  }
}

BOOST_AUTO_TEST_CASE(a_refused_token_is_renewed_and_the_request_sent_again_once) {
  web->answer(issue_url, {answer_json(401, "{}"), answer_json(200, issue_body)});
  web->answer(token_url, {answer_json(200, R"({"access_token":"gho_second"})")});
  BOOST_TEST(!unbox(run(read())).is_error);
  auto sent = web->requests_to(issue_url);
  BOOST_REQUIRE(sent.size() == 2u);
  BOOST_TEST(find_header(sent[1].message.headers, "Authorization").value_or("")
             == "Bearer gho_second");
  BOOST_TEST(resolved() == "S");
  BOOST_TEST(resends() == 1);
}

BOOST_AUTO_TEST_CASE(a_token_refused_twice_asks_to_connect_again_and_does_not_count) {
  web->answer(issue_url, {answer_json(401, "{}")});
  web->answer(token_url, {answer_json(200, R"({"access_token":"gho_second"})")});
  auto x = unbox(run(read()));
  BOOST_TEST(x.is_error);
  BOOST_TEST(x.text.find("Connect GitHub again") != std::string::npos);
  BOOST_TEST(web->count(issue_url) == 2u);
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(a_renewal_that_fails_for_now_does_not_ask_to_connect_again) {
  web->answer(issue_url, {answer_json(401, "{}")});
  web->answer(token_url, {answer_json(503, "{}")});
  auto x = unbox(run(read()));
  BOOST_TEST(x.is_error);
  BOOST_TEST(x.text.find("again.") == std::string::npos);
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(a_failed_read_is_repeated_once) {
  web->answer(issue_url, {answer_json(502, "{}"), answer_json(200, issue_body)});
  BOOST_TEST(!unbox(run(read())).is_error);
  BOOST_TEST(web->count(issue_url) == 2u);
  web->requests.clear();
  db->calls.clear();
  web->answer(issue_url, {answer_json(502, "{}")});
  BOOST_TEST(unbox(run(read())).is_error);
  BOOST_TEST(web->count(issue_url) == 2u);
}

BOOST_AUTO_TEST_CASE(a_failed_write_is_not_repeated) {
  for (auto& bad : {answer_json(502, "{}"), answer_nothing(errc::upstream_failed),
                    answer_nothing(errc::upstream_timeout)}) {
    web->requests.clear();
    db->calls.clear();
    web->answer(issue_url, {bad});
    BOOST_TEST(unbox(run(write())).is_error);
    BOOST_TEST(web->count(issue_url) == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_write_that_was_never_sent_is_repeated) {
  web->answer(issue_url,
              {answer_nothing(errc::upstream_unavailable), answer_json(201, issue_body)});
  BOOST_TEST(!unbox(run(write())).is_error);
  BOOST_TEST(web->count(issue_url) == 2u);
}

BOOST_AUTO_TEST_CASE(a_short_wait_for_the_rate_limit_is_waited) {
  web->answer(issue_url,
              {answer_json(429, "{}", {{"retry-after", "1"}}), answer_json(201, issue_body)});
  auto pending = start(write());
  BOOST_TEST(web->count(issue_url) == 1u);
  pass(1500ms);
  BOOST_TEST(web->count(issue_url) == 2u);
  BOOST_TEST(!unbox(receive(pending)).is_error);
}

BOOST_AUTO_TEST_CASE(a_long_wait_for_the_rate_limit_is_told) {
  web->answer(issue_url, {answer_json(429, "{}", {{"retry-after", "60"}})});
  auto x = unbox(run(read()));
  BOOST_TEST(x.is_error);
  BOOST_TEST(x.text.find("60 seconds") != std::string::npos);
  BOOST_TEST(web->count(issue_url) == 1u);
}

BOOST_AUTO_TEST_CASE(a_failure_that_asks_for_a_long_wait_is_not_repeated) {
  web->answer(issue_url, {answer_json(503, "{}", {{"retry-after", "600"}})});
  auto pending = start(read());
  BOOST_TEST(unbox(receive(pending)).is_error);
  BOOST_TEST(web->count(issue_url) == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_never_answers_is_given_up) {
  web->answer(issue_url, {answer_never()});
  auto pending = start(read());
  pass(40s);
  BOOST_TEST(unbox(receive(pending)).is_error);
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(a_settlement_that_fails_does_not_hide_the_result) {
  db->refuse("wallet/resolve", errc::store_unavailable);
  auto x = unbox(run(read()));
  BOOST_TEST(!x.is_error);
  BOOST_TEST(x.paid.charged.value == 0);
}

BOOST_AUTO_TEST_CASE(cancelled_before_the_hold_it_takes_none) {
  db->held = {"connection/find"};
  auto pending = start(read());
  tell(actor, atom::cancel_v);
  BOOST_TEST((code_of(receive(pending).error()) == errc::cancelled));
  release("connection/find");
  BOOST_TEST(db->count("wallet/reserve") == 0u);
}

BOOST_AUTO_TEST_CASE(cancelled_while_the_hold_is_placed_it_gives_it_back) {
  db->held = {"wallet/reserve"};
  auto pending = start(read());
  tell(actor, atom::cancel_v);
  BOOST_TEST((code_of(receive(pending).error()) == errc::cancelled));
  release("wallet/reserve");
  BOOST_TEST(resolved() == "V");
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(cancelled_at_the_provider_it_stops_the_request_and_gives_the_hold_back) {
  web->answer(issue_url, {answer_never()});
  auto pending = start(read());
  tell(actor, atom::cancel_v);
  BOOST_TEST((code_of(receive(pending).error()) == errc::cancelled));
  BOOST_REQUIRE(web->cancelled.size() == 1u);
  BOOST_TEST(web->cancelled.front() == web->requests.front().id);
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(cancelled_while_it_waits_to_send_again_it_does_not_send) {
  web->answer(issue_url, {answer_json(502, "{}")});
  auto pending = start(read());
  tell(actor, atom::cancel_v);
  BOOST_TEST((code_of(receive(pending).error()) == errc::cancelled));
  pass(3s);
  BOOST_TEST(web->count(issue_url) == 1u);
  BOOST_TEST(resolved() == "V");
  BOOST_TEST(resends() == 0);
}

BOOST_AUTO_TEST_CASE(cancelled_while_the_token_is_renewed_it_gives_the_hold_back) {
  web->answer(issue_url, {answer_json(401, "{}")});
  web->answer(token_url, {answer_never()});
  auto pending = start(read());
  tell(actor, atom::cancel_v);
  BOOST_TEST((code_of(receive(pending).error()) == errc::cancelled));
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(cancelled_after_the_providers_answer_it_counts) {
  db->held = {"wallet/resolve"};
  auto pending = start(read());
  tell(actor, atom::cancel_v);
  release("wallet/resolve");
  BOOST_TEST(!!receive(pending));
  BOOST_TEST(resolved() == "S");
}

BOOST_AUTO_TEST_CASE(at_its_end_it_answers_and_gives_the_hold_back) {
  web->answer(issue_url, {answer_never()});
  auto pending = start(read());
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_TEST((code_of(receive(pending).error()) == errc::shutting_down));
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(a_keyed_call_that_was_paid_for_is_answered_from_its_hold) {
  db->handlers["wallet/reserve"] = [](const store_call& call) {
    return one_row(
      {{"code", "exists"}, {"free", "f"}, {"amount", call.values.at(5).data}, {"status", "S"}});
  };
  db->answer("hold/result", {{"body", R"({"text":"Issue #7 created","is_error":false})"},
                             {"free", "f"},
                             {"charged", "1500"}});
  auto job = write();
  job.keyed = true;
  auto x = unbox(run(job));
  BOOST_TEST(x.text == "Issue #7 created");
  BOOST_TEST(!x.free);
  BOOST_TEST(x.repeated);
  BOOST_TEST(x.paid.charged.value == 1500);
  BOOST_TEST(web->requests.empty());
  BOOST_TEST(resolved() == "");
}

BOOST_AUTO_TEST_CASE(an_answer_as_deep_as_json_may_be_is_kept_and_repeated) {
  // Around it is the object that is kept.
  auto levels = limits::json_depth_max - 1;
  auto deep = std::string(levels, '[') + std::string(levels, ']');
  auto job = read();
  job.keyed = true;
  web->answer(issue_url, {answer_json(200, R"({"number":7,"title":)" + deep + "}")});
  auto first = unbox(run(job));
  auto kept = db->only("wallet/resolve").values.at(4).data;
  BOOST_TEST(first.structured.find(deep) != std::string::npos);
  BOOST_TEST(kept.find(deep) != std::string::npos);
  db->handlers["wallet/reserve"] = [](const store_call& call) {
    return one_row(
      {{"code", "exists"}, {"free", "f"}, {"amount", call.values.at(5).data}, {"status", "S"}});
  };
  db->answer("hold/result", {{"body", kept}, {"free", "f"}, {"charged", "1500"}});
  auto again = unbox(run(job));
  BOOST_TEST(again.repeated);
  BOOST_TEST(again.text == first.text);
  BOOST_TEST(again.structured == first.structured);
}

BOOST_AUTO_TEST_CASE(a_keyed_call_keeps_what_it_gave_with_its_settlement) {
  auto job = read();
  job.keyed = true;
  unbox(run(job));
  auto kept = parse_json_object(db->only("wallet/resolve").values.at(4).data);
  BOOST_REQUIRE(!!kept);
  BOOST_TEST(find_string(*kept, "text")->find("Issue #7") != std::string::npos);
  BOOST_TEST(find_object(*kept, "structured") != nullptr);
}

BOOST_AUTO_TEST_CASE(a_call_without_a_key_keeps_nothing) {
  unbox(run(read()));
  BOOST_TEST((db->only("wallet/resolve").values.at(4).as == store_value::form::null));
}

BOOST_AUTO_TEST_CASE(a_keyed_call_that_runs_elsewhere_is_in_progress) {
  db->handlers["wallet/reserve"] = [](const store_call&) {
    return one_row({{"code", "exists"}, {"free", "f"}, {"amount", "1500"}, {"status", "P"}});
  };
  auto job = write();
  job.keyed = true;
  BOOST_TEST((code_of(run(job).error()) == errc::request_in_progress));
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_keyed_call_that_came_to_nothing_is_tried_again) {
  db->handlers["wallet/reserve"] = [](const store_call& call) {
    bool first = call.values.at(2).data == "00000000-0000-4000-8000-000000000001";
    return one_row({{"code", first ? "exists" : "ok"},
                    {"free", "f"},
                    {"amount", call.values.at(5).data},
                    {"status", first ? "V" : "P"}});
  };
  auto job = read();
  job.keyed = true;
  job.hold = {"00000000-0000-4000-8000-000000000001"};
  BOOST_TEST(!unbox(run(job)).is_error);
  BOOST_TEST(db->count("wallet/reserve") == 2u);
  BOOST_TEST(db->only("wallet/resolve").values.at(0).data != job.hold.value);
}

BOOST_AUTO_TEST_CASE(a_keyed_call_that_always_comes_to_nothing_is_told_to_take_another_key) {
  for (auto status : {"V", "E"}) {
    db->calls.clear();
    db->handlers["wallet/reserve"] = [status](const store_call&) {
      return one_row({{"code", "exists"}, {"free", "f"}, {"amount", "1500"}, {"status", status}});
    };
    auto job = write();
    job.keyed = true;
    auto refused = run(job);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((code_of(refused.error()) == errc::conflict));
    auto text = message_of(refused.error());
    BOOST_TEST(text.find("20 times") != std::string::npos, text);
    BOOST_TEST(text.find("Use another idempotency key.") != std::string::npos, text);
    BOOST_TEST(db->count("wallet/reserve") == 20u);
    BOOST_TEST(web->requests.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
