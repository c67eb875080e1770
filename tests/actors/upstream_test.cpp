#include <set>

#include <boost/test/unit_test.hpp>

#include "actors/remote_tool_call.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/json_text.hpp"
#include "tests/actors/upstream_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(upstream_test, upstream_fixture)

BOOST_AUTO_TEST_CASE(a_stateless_server_is_called_in_its_way) {
  speak(era::stateless);
  relay(tool_request(1));
  BOOST_TEST(said->results[1]
             == R"({"resultType":"complete","content":[{"type":"text","text":"hi"}]})");
  auto call = server->of("tools/call").at(0);
  BOOST_TEST(call.header("mcp-protocol-version") == "2026-07-28");
  BOOST_TEST(call.header("mcp-method") == "tools/call");
  BOOST_TEST(call.header("mcp-name") == "echo");
  BOOST_TEST(call.header("mcp-param-region") == "eu");
  BOOST_TEST(server->count("initialize") == 0u);
  BOOST_TEST(settled() == "S");
  auto& meta = call.params().at("_meta").as_object();
  BOOST_TEST(meta.at("io.modelcontextprotocol/clientInfo").at("name").as_string() == "client");
}

BOOST_AUTO_TEST_CASE(a_session_server_gets_a_session_of_the_user) {
  speak(era::session);
  relay(tool_request(1));
  relay(tool_request(2));
  BOOST_TEST(said->results.size() == 2u);
  // One for the lists, one for the user.
  BOOST_TEST(server->count("initialize") == 2u);
  BOOST_TEST(server->count("notifications/initialized") == 2u);
  BOOST_TEST(server->of("tools/call").at(1).header("mcp-session-id") == "session-1");
  BOOST_TEST(server->of("tools/call").at(1).header("mcp-protocol-version") == "2025-11-25");
  BOOST_TEST(
    server->of("initialize").at(1).params().at("capabilities").as_object().contains("elicitation"));
}

BOOST_AUTO_TEST_CASE(a_lost_session_is_opened_again_and_the_call_repeated_once) {
  speak(era::session);
  int calls = 0;
  server->handlers["tools/call"] = [&](const std::string& id, auto&) {
    if (++calls == 1)
      return answer_json(404, mcp_server_script::error("null", -32001, "Session not found"));
    return answer_json(200, mcp_server_script::result(id, "{}"));
  };
  relay(tool_request(1));
  BOOST_TEST(calls == 2);
  BOOST_TEST(server->count("initialize") == 3u);
  BOOST_TEST(said->results.count(1) == 1u);
  auto told = parse_json_object(db->only("wallet/resolve").values.at(3).data);
  BOOST_TEST(find_integer(*told, "resends").value_or(0) == 1);
}

BOOST_AUTO_TEST_CASE(a_static_header_goes_with_every_request) {
  set("auth", "header");
  set("header_name", "X-Api-Key");
  set("secret", "s3cret");
  speak(era::session);
  relay(tool_request(1));
  for (auto& x : server->requests)
    BOOST_TEST(x.header("x-api-key") == "s3cret");
}

BOOST_AUTO_TEST_CASE(a_question_of_a_session_server_reaches_the_client_and_back) {
  speak(era::session);
  server->handlers["tools/call"] = [](const std::string&, auto&) {
    return mcp_server_script::events(
      {R"({"jsonrpc":"2.0","id":"q1","method":"elicitation/create","params":{"message":"who?",)"
       R"("_meta":{"progressToken":5}}})"},
      false);
  };
  relay(tool_request(7));
  BOOST_REQUIRE(said->asks.size() == 1u);
  BOOST_TEST(said->asks[0].number == 7u);
  BOOST_TEST(said->asks[0].method == "elicitation/create");
  BOOST_TEST(said->asks[0].params == R"({"message":"who?"})");
  pass(5min); // people take their time
  BOOST_TEST(said->failures.empty());
  tell(remote(), atom::relay_v, relay_answer{7, said->asks[0].id, R"({"action":"accept"})", {}},
       ear);
  auto answers = server->of("POST");
  BOOST_REQUIRE(answers.size() == 1u);
  BOOST_TEST(answers[0].body.at("id").as_string() == "q1");
  BOOST_TEST(answers[0].body.at("result").at("action").as_string() == "accept");
}

BOOST_AUTO_TEST_CASE(what_the_client_cannot_do_is_declined) {
  speak(era::session);
  server->handlers["tools/call"] = [](const std::string& id, auto&) {
    return mcp_server_script::events(
      {R"({"jsonrpc":"2.0","id":3,"method":"sampling/createMessage","params":{}})",
       R"({"jsonrpc":"2.0","id":4,"method":"ping"})", mcp_server_script::result(id, "{}")});
  };
  relay(tool_request(1));
  BOOST_TEST(said->asks.empty());
  auto answers = server->of("POST");
  BOOST_REQUIRE(answers.size() == 2u);
  BOOST_TEST(answers[0].body.at("error").at("code").as_int64() == -32601);
  BOOST_TEST(answers[1].body.at("result").as_object().empty());
  BOOST_TEST(said->results.count(1) == 1u);
}

BOOST_AUTO_TEST_CASE(a_stateless_client_learns_which_capability_it_lacks) {
  speak(era::session);
  server->handlers["tools/call"] = [](const std::string&, auto&) {
    return mcp_server_script::events(
      {R"({"jsonrpc":"2.0","id":3,"method":"sampling/createMessage","params":{}})"}, false);
  };
  auto x = tool_request(1);
  x.takes_input_required = true;
  relay(x);
  BOOST_TEST(said->failures[1].code == -32021);
  BOOST_TEST(said->failures[1].data == R"({"requiredCapabilities":{"sampling":{}}})");
  BOOST_TEST(server->count("notifications/cancelled") == 1u);
  BOOST_TEST(settled() == "V");
}

BOOST_AUTO_TEST_CASE(wanted_input_is_asked_for_where_the_client_knows_no_other_way) {
  speak(era::stateless);
  int calls = 0;
  server->handlers["tools/call"] = [&](const std::string& id, auto&) {
    if (++calls == 1)
      return answer_json(
        200, mcp_server_script::result(
               id, R"({"resultType":"input_required","requestState":"s","inputRequests":)"
                   R"({"name":{"method":"elicitation/create","params":{"message":"?"}}}})"));
    return answer_json(200, mcp_server_script::result(id, R"({"content":[]})"));
  };
  relay(tool_request(1));
  BOOST_REQUIRE(said->asks.size() == 1u);
  tell(remote(), atom::relay_v, relay_answer{1, said->asks[0].id, R"({"action":"decline"})", {}},
       ear);
  BOOST_TEST(said->results.count(1) == 1u);
  auto first = server->of("tools/call").at(0);
  auto second = server->of("tools/call").at(1);
  BOOST_TEST(first.body.at("id") != second.body.at("id"));
  BOOST_TEST(second.params().at("requestState").as_string() == "s");
  BOOST_TEST(second.params().at("inputResponses").at("name").at("action").as_string() == "decline");
  BOOST_TEST(db->count("wallet/resolve") == 1u);
}

BOOST_AUTO_TEST_CASE(wanted_input_passes_through_to_a_client_that_takes_it_and_is_not_paid) {
  speak(era::stateless);
  server->handlers["tools/call"] = [](const std::string& id, auto&) {
    return answer_json(
      200, mcp_server_script::result(id, R"({"resultType":"input_required","requestState":"s"})"));
  };
  auto x = tool_request(1);
  x.takes_input_required = true;
  relay(x);
  BOOST_TEST(said->results[1] == R"({"resultType":"input_required","requestState":"s"})");
  BOOST_TEST(settled() == "V");
}

BOOST_AUTO_TEST_CASE(progress_comes_back_under_the_clients_own_token) {
  speak(era::stateless);
  server->handlers["tools/call"] = [](const std::string& id, const auto& x) {
    auto token = json::serialize(x.params().at("_meta").at("progressToken"));
    return mcp_server_script::events(
      {R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)" + token
         + R"(,"progress":0.5}})",
       R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"other",)"
       R"("progress":1}})",
       R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}})",
       mcp_server_script::result(id, "{}")});
  };
  relay(tool_request(1, R"(,"_meta":{"progressToken":"mine"})"));
  BOOST_REQUIRE(said->notes.size() == 1u);
  BOOST_TEST(said->notes[0].params == R"({"progressToken":"mine","progress":0.5})");
  auto loud = tool_request(2, R"(,"_meta":{"progressToken":0})");
  loud.log_level = "debug";
  relay(loud);
  BOOST_REQUIRE(said->notes.size() == 3u);
  BOOST_TEST(said->notes[1].params == R"({"progressToken":0,"progress":0.5})");
  BOOST_TEST(said->notes[2].method == "notifications/message");
}

BOOST_AUTO_TEST_CASE(a_result_comes_with_what_it_cost_and_how_long_the_server_was_waited_for) {
  for (auto speaks : {era::stateless, era::session}) {
    speak(speaks);
    auto number = speaks == era::stateless ? 1u : 2u;
    server->handlers["tools/call"] = [](const std::string&, auto&) {
      return mcp_server_script::events({}, false);
    };
    db->held = {"wallet/resolve"};
    relay(tool_request(number));
    pass(2s); // the server takes its time
    auto call = server->of("tools/call").at(0);
    auto id = json::serialize(call.body.at("id"));
    tell(web->listeners.at(call.fetch), atom::chunk_v, call.fetch,
         "event: message\ndata: " + mcp_server_script::result(id, R"({"content":[]})") + "\n\n");
    pass(1s); // and so does the store
    BOOST_TEST(said->results.count(number) == 0u);
    release("wallet/resolve");
    BOOST_TEST(said->results.count(number) == 1u);
    auto& bill = said->bills[number];
    BOOST_TEST(bill.known);
    BOOST_TEST(bill.charged.value == 1500);
    BOOST_TEST(bill.waited.count() == 2'000'000);
    // The other era meets another server.
    self->send_exit(remote(), caf::exit_reason::kill);
    sched.run();
  }
}

BOOST_AUTO_TEST_CASE(a_call_that_came_to_nothing_is_billed_as_such_and_other_requests_are_not) {
  speak(era::stateless);
  server->capabilities = R"({"tools":{},"prompts":{}})";
  server->handlers["tools/call"] = [](const std::string& id, auto&) {
    return answer_json(
      200, mcp_server_script::result(id, R"({"resultType":"input_required","requestState":"s"})"));
  };
  server->handlers["prompts/get"] = [](const std::string& id, auto&) {
    return answer_json(200, mcp_server_script::result(id, R"({"messages":[]})"));
  };
  auto asks = tool_request(1);
  asks.takes_input_required = true;
  relay(asks);
  BOOST_TEST(said->bills[1].known);
  BOOST_TEST(said->bills[1].charged.value == 0);
  relay(request(2, "prompts/get", R"({"name":"p"})"));
  BOOST_TEST(said->results.count(2) == 1u);
  BOOST_TEST(!said->bills[2].known);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_down_costs_nothing_and_says_so_in_band) {
  set("lists", R"({"server":{"protocolVersion":"2026-07-28","capabilities":{"tools":{}}},"tools":[)"
                 + tool_text("echo") + "]}");
  speak(era::stateless);
  server->down = true;
  relay(tool_request(1));
  BOOST_TEST(said->results[1].find(R"("isError":true)") != std::string::npos);
  BOOST_TEST(settled() == "V");
  auto tools = ask<std::string>(remote(), atom::relay_list_v, who, std::string{"tools"});
  BOOST_TEST(unbox(tools) == '[' + tool_text("echo") + ']');
  relay(request(2, "prompts/get", R"({"name":"p"})"));
  BOOST_TEST((code_of(said->failures[2].problem) == errc::upstream_unavailable));
}

BOOST_AUTO_TEST_CASE(after_failures_in_a_row_nobody_waits_until_it_is_tried_again) {
  set("lists", R"({"server":{"protocolVersion":"2026-07-28","capabilities":{"tools":{}}},"tools":[)"
                 + tool_text("echo") + "]}");
  speak(era::stateless);
  server->down = true;
  for (std::uint64_t i = 1; i <= 8; ++i)
    relay(tool_request(i));
  auto tried = server->requests.size();
  BOOST_TEST(tried < 8u);
  relay(tool_request(9));
  BOOST_TEST(server->requests.size() == tried);
  server->down = false;
  pass(11s);
  relay(tool_request(10));
  BOOST_TEST(said->results[10].find("hi") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_tool_that_changed_is_neither_listed_nor_called) {
  pins = one_row({{"tool", "echo"}, {"approved", "f"}});
  speak(era::stateless);
  auto tools = ask<std::string>(remote(), atom::relay_list_v, who, std::string{"tools"});
  BOOST_TEST(unbox(tools) == "[]");
  relay(tool_request(1));
  BOOST_TEST((code_of(said->failures[1].problem) == errc::invalid_params));
  BOOST_TEST(server->count("tools/call") == 0u);
  BOOST_TEST(db->count("wallet/resolve") == 0u);
}

BOOST_AUTO_TEST_CASE(only_allowed_tools_are_offered_under_their_prefix) {
  set("allowed_tools", R"(["echo"])");
  set("tool_prefix", "d_");
  speak(era::stateless);
  server->tools.push_back(tool_text("drop_all"));
  auto tools = ask<std::string>(remote(), atom::relay_list_v, who, std::string{"tools"});
  BOOST_TEST(unbox(tools) == '[' + tool_text("d_echo") + ']');
  relay(request(1, "tools/call", R"({"name":"d_echo"})"));
  BOOST_TEST(server->of("tools/call").at(0).header("mcp-name") == "echo");
  relay(request(2, "tools/call", R"({"name":"d_drop_all"})"));
  relay(request(3, "tools/call", R"({"name":"echo"})"));
  BOOST_TEST((code_of(said->failures[2].problem) == errc::invalid_params));
  BOOST_TEST((code_of(said->failures[3].problem) == errc::invalid_params));
}

BOOST_AUTO_TEST_CASE(lists_are_loaded_through_all_their_pages) {
  speak(era::stateless);
  server->handlers["tools/list"] = [](const std::string& id, const auto& x) {
    bool second = x.params().contains("cursor");
    return answer_json(200,
                       mcp_server_script::result(
                         id, second ? R"({"tools":[)" + tool_text("b") + "]}"
                                    : R"({"tools":[)" + tool_text("a") + R"(],"nextCursor":""})"));
  };
  auto tools = ask<std::string>(remote(), atom::relay_list_v, who, std::string{"tools"});
  BOOST_TEST(unbox(tools) == '[' + tool_text("a") + ',' + tool_text("b") + ']');
}

BOOST_AUTO_TEST_CASE(lists_that_load_during_a_change_are_loaded_anew_for_those_who_wait) {
  // The list of the old connection or address arrives last of all.
  for (bool moved : {false, true}) {
    speak(era::stateless);
    if (moved)
      set("auth", "none");
    else
      connect("at-1", "read");
    set("url", std::string{mcp_server_script::url} + (moved ? "/a" : ""));
    tell(remote(), atom::drop_v);
    int lists = 0;
    server->handlers["tools/list"] = [&lists](const std::string& id, const auto&) {
      auto tool = tool_text(++lists == 1 ? "old" : "new");
      return answer_json(200, mcp_server_script::result(id, R"({"tools":[)" + tool + "]}"));
    };
    db->held = {"mcp_server/pin"};
    auto asked = self->request(remote(), 60min, atom::relay_list_v, who, std::string{"tools"});
    sched.run();
    BOOST_TEST(lists == 1);
    if (moved) {
      set("url", std::string{mcp_server_script::url} + "/b");
      tell(remote(), atom::drop_v);
    } else {
      connect("at-2", "read");
      tell(remote(), atom::drop_v, user);
    }
    BOOST_TEST(lists == 2);
    release("mcp_server/pin");
    BOOST_REQUIRE(!self->mailbox().empty());
    asked.receive([](const std::string& x) { BOOST_TEST(x == '[' + tool_text("new") + ']'); },
                  [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); });
  }
}

BOOST_AUTO_TEST_CASE(a_session_is_ended_at_the_address_that_it_was_opened_at) {
  speak(era::session);
  set("auth", "header");
  set("header_name", "X-Api-Key");
  set("secret", "s3cret");
  set("url", std::string{mcp_server_script::url} + "/a");
  relay(tool_request(1));
  BOOST_TEST(said->results.count(1) == 1u);
  set("url", std::string{mcp_server_script::url} + "/b");
  set("secret", "another");
  tell(remote(), atom::drop_v);
  std::set<std::string> left;
  for (auto& x : web->requests)
    if (x.message.method == "DELETE")
      left.insert(x.message.url + ' '
                  + std::string{find_header(x.message.headers, "X-Api-Key").value_or("")});
  BOOST_TEST(left == std::set<std::string>{std::string{mcp_server_script::url} + "/a s3cret"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(lists_are_loaded_although_the_server_changes_during_the_handshake) {
  const std::pair<era, bool> table[]{
    {era::session, true}, {era::session, false}, {era::stateless, true}};
  for (auto [which, moved] : table) {
    speak(which);
    if (moved)
      set("auth", "none");
    else
      connect("at-1", "read");
    set("url", std::string{mcp_server_script::url} + "/a");
    tell(remote(), atom::drop_v);
    auto hello = which == era::session ? "initialize" : "server/discover";
    server->handlers[hello] = [](const std::string&, const auto&) { return answer_never(); };
    auto asked = self->request(remote(), 60min, atom::relay_list_v, who, std::string{"tools"});
    sched.run();
    BOOST_TEST(server->count(hello) == 1u);
    server->handlers.erase(hello);
    if (moved) {
      set("url", std::string{mcp_server_script::url} + "/b");
      tell(remote(), atom::drop_v);
    } else {
      connect("at-2", "read");
      tell(remote(), atom::drop_v, user);
    }
    pass(1s);
    BOOST_REQUIRE(!self->mailbox().empty());
    asked.receive([](const std::string& x) { BOOST_TEST(x.starts_with("[")); },
                  [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); });
  }
}

BOOST_AUTO_TEST_CASE(a_free_place_goes_to_somebody_who_still_waits) {
  speak(era::stateless);
  server->handlers["tools/call"] = [](const std::string&, auto&) { return answer_never(); };
  constexpr std::uint64_t places = upstream_limits::busy_max;
  for (std::uint64_t i = 1; i <= places + 3; ++i)
    relay(tool_request(i));
  BOOST_TEST(server->count("tools/call") == places);
  for (auto gone : {places + 1, places + 2, std::uint64_t{1}})
    tell(remote(), atom::relay_stop_v, gone, ear);
  pass(1ms);
  BOOST_TEST(server->count("tools/call") == places + 1);
}

BOOST_AUTO_TEST_CASE(a_cancelled_repetition_leaves_the_hold_of_the_first_try_alone) {
  speak(era::stateless);
  auto x = keyed_request("P");
  db->held = {"wallet/reserve"};
  relay(x);
  tell(remote(), atom::relay_stop_v, std::uint64_t{1}, ear);
  release("wallet/reserve");
  BOOST_TEST(db->count("wallet/reserve") == 1u);
  BOOST_TEST(db->count("wallet/resolve") == 0u);
}

BOOST_AUTO_TEST_CASE(a_loop_learns_that_the_servers_actor_has_ended) {
  speak(era::stateless);
  server->handlers["tools/call"] = [](const std::string&, auto&) { return answer_never(); };
  auto call = sys.spawn(remote_tool_call, remote_tool_call_args{parts});
  tool_job job;
  job.who = who;
  job.app = "docs";
  job.tool = "echo";
  job.arguments = {{"region", "eu"}};
  auto pending = self->request(call, 60min, atom::run_v, job);
  sched.run();
  BOOST_TEST(server->count("tools/call") == 1u);
  self->send_exit(remote(), caf::exit_reason::kill);
  sched.run();
  BOOST_REQUIRE(!self->mailbox().empty());
  pending.receive(
    [](const tool_result&) { BOOST_ERROR("answered"); },
    [](const caf::error& why) { BOOST_TEST((code_of(why) == errc::mcp_unreachable)); });
}

BOOST_AUTO_TEST_CASE(who_cancels_hears_nothing_more_and_the_server_learns_of_it) {
  speak(era::session);
  server->handlers["tools/call"] = [](const std::string&, auto&) { return answer_never(); };
  relay(tool_request(1));
  tell(remote(), atom::relay_stop_v, std::uint64_t{1}, ear);
  pass(2min);
  BOOST_TEST(said->results.empty());
  BOOST_TEST(said->failures.empty());
  auto notes = server->of("notifications/cancelled");
  BOOST_REQUIRE(notes.size() == 1u);
  BOOST_TEST(notes[0].params().at("requestId") == server->of("tools/call").at(0).body.at("id"));
  BOOST_TEST(settled() == "V");
}

BOOST_AUTO_TEST_CASE(a_silent_server_is_given_up) {
  speak(era::stateless);
  server->handlers["tools/call"] = [](const std::string&, auto&) { return answer_never(); };
  relay(tool_request(1));
  pass(62s);
  BOOST_TEST(said->results[1].find(R"("isError":true)") != std::string::npos);
  BOOST_TEST(settled() == "V");
}

BOOST_AUTO_TEST_CASE(a_broken_stream_is_taken_up_where_it_ended) {
  speak(era::session);
  std::string asked;
  server->handlers["tools/call"] = [&](const std::string& id, auto&) {
    asked = id;
    scripted_answer x{200, {{"Content-Type", "text/event-stream"}}, {}, {}, true, true};
    x.pieces.push_back("id: e7\nretry: 500\ndata: \n\n");
    return x;
  };
  server->handlers["GET"] = [&](const std::string&, auto&) {
    return mcp_server_script::events({mcp_server_script::result(asked, R"({"content":[]})")});
  };
  relay(tool_request(1));
  // Not before the server wants it.
  pass(400ms);
  BOOST_TEST(server->count("GET") == 0u);
  pass(200ms);
  BOOST_REQUIRE(server->count("GET") == 1u);
  BOOST_TEST(server->of("GET").at(0).header("last-event-id") == "e7");
  BOOST_TEST(server->count("tools/call") == 1u);
  BOOST_TEST(said->results.count(1) == 1u);
}

BOOST_AUTO_TEST_CASE(subscribers_hear_of_changes_after_the_list_is_loaded) {
  for (auto which : {era::session, era::stateless}) {
    said->notes.clear();
    speak(which);
    set("url", std::string{mcp_server_script::url} + (which == era::session ? "/a" : "/b"));
    tell(remote(), atom::drop_v);
    bool changed = false;
    auto handler = [&](const std::string&, auto&) {
      changed = true;
      server->tools = {tool_text("echo"), tool_text("fresh")};
      return mcp_server_script::events(
        {R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})"}, false);
    };
    server->handlers[which == era::session ? "GET" : "subscriptions/listen"] = handler;
    relay(request(static_cast<std::uint64_t>(which) + 1, "subscriptions/listen",
                  R"({"notifications":{"toolsListChanged":true,"promptsListChanged":true}})"));
    BOOST_TEST(changed);
    // The subscription of the other turn hears that its server has moved.
    std::erase_if(said->notes,
                  [&](auto& x) { return x.number != static_cast<std::uint64_t>(which) + 1; });
    BOOST_REQUIRE(said->notes.size() >= 2u);
    BOOST_TEST(said->notes[0].method == "notifications/subscriptions/acknowledged");
    BOOST_TEST(said->notes[0].params == R"({"notifications":{"toolsListChanged":true}})");
    BOOST_TEST(said->notes[1].method == "notifications/tools/list_changed");
    auto tools = ask<std::string>(remote(), atom::relay_list_v, who, std::string{"tools"});
    BOOST_TEST(unbox(tools).find("fresh") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(there_is_nothing_where_nothing_is_registered) {
  auto none = ask<upstream_actor>(parts.directory, atom::relay_v, platform, std::string{"other"});
  BOOST_REQUIRE(!none);
  BOOST_TEST((code_of(none.error()) == errc::unknown_app));
  set("is_active", "f");
  auto off = ask<upstream_actor>(parts.directory, atom::relay_v, platform, std::string{"docs"});
  BOOST_TEST((code_of(off.error()) == errc::app_not_active));
}

BOOST_AUTO_TEST_CASE(an_empty_wallet_stops_the_call_before_the_server) {
  db->handlers["wallet/reserve"] = [](const store_call&) {
    return one_row({{"code", "insufficient"}, {"free", "f"}, {"amount", "0"}});
  };
  speak(era::stateless);
  relay(tool_request(1));
  BOOST_TEST((code_of(said->failures[1].problem) == errc::wallet_insufficient));
  BOOST_TEST(server->count("tools/call") == 0u);
}

BOOST_AUTO_TEST_CASE(a_keyed_call_that_was_paid_for_is_answered_again_without_the_server) {
  speak(era::stateless);
  auto x = keyed_request("S");
  db->answer(
    "hold/result",
    {{"body", R"({"resultType":"complete","content":[]})"}, {"free", "f"}, {"charged", "1500"}});
  relay(x);
  BOOST_TEST(said->results[1] == R"({"resultType":"complete","content":[]})");
  BOOST_TEST(said->bills[1].repeated);
  BOOST_TEST(said->bills[1].charged.value == 1500);
  BOOST_TEST(server->count("tools/call") == 0u);
  BOOST_TEST(db->count("wallet/resolve") == 0u);
}

BOOST_AUTO_TEST_CASE(a_keyed_call_that_always_came_to_nothing_is_told_to_take_another_key) {
  speak(era::stateless);
  relay(keyed_request("V"));
  auto& problem = said->failures[1].problem;
  BOOST_TEST((code_of(problem) == errc::conflict));
  BOOST_TEST(message_of(problem).find("Use another idempotency key.") != std::string::npos);
  BOOST_TEST(db->count("wallet/reserve") == 20u);
  BOOST_TEST(server->count("tools/call") == 0u);
}

BOOST_AUTO_TEST_CASE(a_model_uses_a_remote_tool_by_server_label) {
  speak(era::stateless);
  db->answer("app/active_list", {{"data", R"([{"app_slug":"docs"}])"}, {"total", "1"}});
  db->answer("connection/list",
             {{"data", R"([{"id":"c","appSlug":"docs","createdAt":"x"}])"}, {"total", "1"}});
  web->answer("http://model.test",
              {model_calls({{"echo", R"({"region":"eu"})"}}), model_says("Done.")});
  client_request wanted;
  wanted.target = endpoint::responses_create;
  wanted.key = user_key;
  wanted.body = R"({"model":"test-model","input":"go","tools":[{"type":"mcp",)"
                R"("server_label":"docs","server_url":"https://mcp.test/mcp/docs",)"
                R"("authorization":")"
                + user_key + R"(","require_approval":"never"}]})";
  auto reply = serve(std::move(wanted));
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(server->count("tools/call") == 1u);
  BOOST_TEST(reply->body.find(R"("output":"hi")") != std::string::npos, reply->body);
}

BOOST_AUTO_TEST_SUITE_END()
