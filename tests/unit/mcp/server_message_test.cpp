#include "core/mcp/server_message.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

constexpr std::size_t plenty = 1u << 20;

answer_reader reader_of(int status, std::string type) {
  answer_reader reader{plenty};
  reader.begin({status, {{"content-type", std::move(type)}}, {}});
  return reader;
}

} // namespace

BOOST_AUTO_TEST_SUITE(server_message_test)

BOOST_AUTO_TEST_CASE(a_result_keeps_its_text) {
  auto messages =
    decode_server_messages(R"({"jsonrpc":"2.0","id":"a","result":{"x": 95.50, "y":[1e2]}})");
  BOOST_REQUIRE(messages);
  auto& result = std::get<server_result>(messages->at(0));
  BOOST_TEST((result.id == rpc_id{std::string_view{"a"}}));
  BOOST_TEST(result.result == R"({"x": 95.50, "y":[1e2]})");
}

BOOST_AUTO_TEST_CASE(an_error_keeps_code_message_and_data) {
  auto messages = decode_server_messages(
    R"({"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no","data":{"uri":"x://1"}}})");
  BOOST_REQUIRE(messages);
  auto& error = std::get<server_error>(messages->at(0));
  BOOST_TEST(error.code == -32602);
  BOOST_TEST(error.message == "no");
  BOOST_TEST(error.data == R"({"uri":"x://1"})");
  BOOST_TEST((error.id == rpc_id{std::int64_t{0}}));
  auto nameless = decode_server_messages(
    R"({"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}})");
  BOOST_TEST(!std::get<server_error>(nameless->at(0)).id);
}

BOOST_AUTO_TEST_CASE(requests_and_notifications_are_told_apart) {
  auto request = decode_server_messages(
    R"({"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"message":"m"}})");
  BOOST_TEST(std::get<server_request>(request->at(0)).params == R"({"message":"m"})");
  auto note = decode_server_messages(R"({"jsonrpc":"2.0","method":"notifications/progress"})");
  BOOST_TEST(std::get<server_notification>(note->at(0)).params.empty());
}

BOOST_AUTO_TEST_CASE(a_batch_gives_its_messages_in_order) {
  auto messages = decode_server_messages(
    R"([{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":{"k":1.0}}])");
  BOOST_REQUIRE(messages->size() == 2u);
  BOOST_TEST(std::get<server_result>(messages->at(1)).result == R"({"k":1.0})");
}

BOOST_AUTO_TEST_CASE(what_is_no_message_is_refused) {
  for (auto text :
       {"", "<html>", "1", "{}", R"({"id":1})", R"({"id":1,"result":5})", R"({"result":{}})",
        R"({"method":""})", R"({"method":"a","params":[]})", R"({"id":1.5,"method":"a"})"})
    BOOST_TEST(!decode_server_messages(text), text);
}

BOOST_AUTO_TEST_CASE(a_json_answer_is_read_at_its_end) {
  auto reader = reader_of(200, "application/json; charset=utf-8");
  BOOST_TEST(reader.feed(R"({"jsonrpc":"2.0",)")->empty());
  BOOST_TEST(reader.feed(R"("id":1,"result":{}})")->empty());
  BOOST_TEST(reader.finish()->size() == 1u);
  BOOST_TEST(reader.spoke());
}

BOOST_AUTO_TEST_CASE(events_are_read_as_they_come) {
  auto reader = reader_of(200, "text/event-stream");
  BOOST_TEST(reader.feed("id: e-1\nretry: 250\ndata: \n\n: keepalive\n\n")->empty());
  BOOST_TEST(reader.last_event_id() == "e-1");
  BOOST_TEST(reader.retry().value() == 250);
  auto messages = reader.feed("event: message\nid: e-2\n"
                              "data: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\n"
                              "event: other\ndata: not ours\n\n");
  BOOST_TEST(messages->size() == 1u);
  BOOST_TEST(reader.last_event_id() == "e-2");
  BOOST_TEST(reader.finish()->empty());
}

BOOST_AUTO_TEST_CASE(an_event_without_its_last_blank_line_counts) {
  auto reader = reader_of(200, "text/event-stream");
  BOOST_TEST(reader.feed("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}")->empty());
  BOOST_TEST(reader.finish()->size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_page_is_no_answer) {
  auto reader = reader_of(200, "text/html");
  BOOST_TEST(reader.feed("<html></html>")->empty());
  BOOST_TEST(!reader.finish());
  auto empty = reader_of(202, "text/plain");
  BOOST_TEST(empty.finish()->empty());
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_cut_off) {
  answer_reader body{16};
  body.begin({200, {{"Content-Type", "application/json"}}, {}});
  auto fed = body.feed(std::string(17, ' '));
  BOOST_REQUIRE(!fed);
  BOOST_TEST((code_of(fed.error()) == errc::response_too_large));
  answer_reader events{16};
  events.begin({200, {{"Content-Type", "text/event-stream"}}, {}});
  BOOST_TEST(!events.feed("data: " + std::string(64, 'x')));
}

BOOST_AUTO_TEST_SUITE_END()
