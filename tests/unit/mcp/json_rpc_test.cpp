#include "core/mcp/json_rpc.hpp"

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

rpc_body body_of(std::string_view text) {
  auto x = decode_body(text);
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<rpc_body>(x), text);
  return std::get<rpc_body>(x);
}

rpc_fault fault_of(std::string_view text) {
  auto x = decode_body(text);
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<rpc_fault>(x), text);
  return std::get<rpc_fault>(x);
}

std::string id_text(const std::optional<rpc_id>& id) { return id ? id->key() : "(none)"; }

} // namespace

BOOST_AUTO_TEST_SUITE(json_rpc_test)

BOOST_AUTO_TEST_CASE(requests_keep_the_type_of_their_id) {
  for (auto* id :
       {"0", "1", "-7", "18446744073709551615", "\"a\"", "\"0\"", "\"\"", "\"\\u00e9\""}) {
    BOOST_TEST_CONTEXT(id) {
      auto body =
        body_of(std::string{R"({"jsonrpc":"2.0","id":)"} + id + R"(,"method":"tools/list"})");
      BOOST_TEST(!body.batch);
      BOOST_TEST(body.needs_answer());
      auto& request = std::get<rpc_request>(body.messages.at(0));
      BOOST_TEST(request.method == "tools/list");
      BOOST_TEST(request.params.empty());
      auto echoed = parse_json_object(encode_result(request.id, json::object{})).value();
      BOOST_TEST(json::serialize(*find(echoed, "id")) == json::serialize(parse_json(id).value()));
    }
  }
  BOOST_TEST(rpc_id{std::int64_t{1}}.key() != rpc_id{std::string_view{"1"}}.key());
  BOOST_TEST((rpc_id{std::int64_t{0}} == rpc_id{std::int64_t{0}}));
}

BOOST_AUTO_TEST_CASE(params_are_an_object_or_nothing) {
  auto request = [](const char* params) {
    return std::get<rpc_request>(
      body_of(std::string{R"({"jsonrpc":"2.0","id":1,"method":"m","params":)"} + params + "}")
        .messages.at(0));
  };
  BOOST_TEST(json::serialize(request(R"({"a":[1]})").params) == R"({"a":[1]})");
  BOOST_TEST(request("null").params.empty());
  for (auto* bad : {"[]", "3", "\"x\"", "true"}) {
    auto fault =
      fault_of(std::string{R"({"jsonrpc":"2.0","id":5,"method":"m","params":)"} + bad + "}");
    BOOST_TEST(fault.code == code_invalid_params);
    BOOST_TEST(id_text(fault.id) == "5");
  }
}

BOOST_AUTO_TEST_CASE(notifications_and_responses_need_no_answer) {
  for (auto* text : {R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
                     R"({"jsonrpc":"2.0","method":"notifications/nobody-knows","params":{"a":1}})",
                     R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]})",
                     R"({"jsonrpc":"2.0","id":3,"result":{}})",
                     R"({"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}})"})
    BOOST_TEST_CONTEXT(text)
  BOOST_TEST(!body_of(text).needs_answer());
  auto body = body_of(R"({"jsonrpc":"2.0","id":3,"result":[1]})");
  auto& response = std::get<rpc_response>(body.messages.at(0));
  BOOST_TEST(response.id.key() == "3");
  BOOST_TEST(json::serialize(*response.result) == "[1]");
  BOOST_TEST(!response.error);
}

BOOST_AUTO_TEST_CASE(what_is_no_message_gets_the_right_code_and_id) {
  struct row {
    const char* text;
    int code;
    const char* id;
  };
  const std::string long_id =
    R"({"jsonrpc":"2.0","id":")" + std::string(257, 'x') + R"(","method":"m"})";
  const std::string long_method =
    R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(129, 'x') + R"("})";
  const row rows[]{
    {"", code_parse_error, "(none)"},
    {"{", code_parse_error, "(none)"},
    {"not json", code_parse_error, "(none)"},
    {"{} {}", code_parse_error, "(none)"},
    {R"({"jsonrpc":"2.0","id":1,"id":2,"method":"m"})", code_parse_error, "(none)"},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", code_parse_error, "(none)"},
    {"3", code_invalid_request, "(none)"},
    {"null", code_invalid_request, "(none)"},
    {"\"x\"", code_invalid_request, "(none)"},
    {"{}", code_invalid_request, "(none)"},
    {"[]", code_invalid_request, "(none)"},
    {R"({"id":1,"method":"m"})", code_invalid_request, "1"},
    {R"({"jsonrpc":"1.0","id":1,"method":"m"})", code_invalid_request, "1"},
    {R"({"jsonrpc":2.0,"id":1,"method":"m"})", code_invalid_request, "1"},
    {R"({"jsonrpc":"2.0","id":1})", code_invalid_request, "1"},
    {R"({"jsonrpc":"2.0"})", code_invalid_request, "(none)"},
    {R"({"jsonrpc":"2.0","id":"a","method":5})", code_invalid_request, "\"a\""},
    {R"({"jsonrpc":"2.0","id":"a","method":""})", code_invalid_request, "\"a\""},
    {R"({"jsonrpc":"2.0","id":null,"method":"m"})", code_invalid_request, "(none)"},
    {R"({"jsonrpc":"2.0","id":1.5,"method":"m"})", code_invalid_request, "(none)"},
    {R"({"jsonrpc":"2.0","id":true,"method":"m"})", code_invalid_request, "(none)"},
    {R"({"jsonrpc":"2.0","id":[1],"method":"m"})", code_invalid_request, "(none)"},
    {R"({"jsonrpc":"2.0","id":{},"method":"m"})", code_invalid_request, "(none)"},
    {long_id.c_str(), code_invalid_request, "(none)"},
    {long_method.c_str(), code_invalid_request, "1"},
    {R"({"jsonrpc":"2.0","id":1,"result":1,"error":{}})", code_invalid_request, "1"},
    {R"({"jsonrpc":"2.0","result":1})", code_invalid_request, "(none)"},
    {R"({"jsonrpc":"2.0","id":1,"error":"x"})", code_invalid_request, "1"},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.text) {
      auto fault = fault_of(x.text);
      BOOST_TEST(fault.code == x.code);
      BOOST_TEST(id_text(fault.id) == x.id);
      BOOST_TEST(!fault.message.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(elements_of_a_batch_are_decoded_by_themselves) {
  auto body = body_of(R"([{"jsonrpc":"2.0","id":1,"method":"ping"},
    {"jsonrpc":"2.0","method":"notifications/initialized"},5,{"jsonrpc":"2.0","id":2},[],
    {"jsonrpc":"2.0","id":3,"result":{}}])");
  BOOST_TEST(body.batch);
  BOOST_TEST(body.needs_answer());
  BOOST_REQUIRE(body.messages.size() == 6u);
  BOOST_TEST(std::holds_alternative<rpc_request>(body.messages[0]));
  BOOST_TEST(std::holds_alternative<rpc_notification>(body.messages[1]));
  BOOST_TEST(std::get<rpc_fault>(body.messages[2]).code == code_invalid_request);
  BOOST_TEST(id_text(std::get<rpc_fault>(body.messages[3]).id) == "2");
  BOOST_TEST(std::holds_alternative<rpc_fault>(body.messages[4]));
  BOOST_TEST(std::holds_alternative<rpc_response>(body.messages[5]));
  BOOST_TEST(!body_of(R"([{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":1}])")
                .needs_answer());
}

BOOST_AUTO_TEST_CASE(a_batch_has_a_limit) {
  auto batch = [](std::size_t count) {
    std::vector<std::string> messages(count, R"({"jsonrpc":"2.0","method":"x"})");
    return encode_batch(messages);
  };
  BOOST_TEST(body_of(batch(batch_messages_max)).messages.size() == batch_messages_max);
  BOOST_TEST(fault_of(batch(batch_messages_max + 1)).code == code_invalid_request);
}

BOOST_AUTO_TEST_CASE(answers_are_encoded_exactly) {
  const rpc_id id{std::int64_t{0}};
  BOOST_TEST(encode_result(id, json::object{{"a", 1}})
             == R"({"jsonrpc":"2.0","id":0,"result":{"a":1}})");
  BOOST_TEST(encode_result_text(id, "{}") == R"({"jsonrpc":"2.0","id":0,"result":{}})");
  BOOST_TEST(encode_error(rpc_id{std::string_view{"a\"b"}}, -32601, "No \"x\"")
             == R"({"jsonrpc":"2.0","id":"a\"b","error":{"code":-32601,"message":"No \"x\""}})");
  BOOST_TEST(encode_error(std::nullopt, -32700, "m", json::object{{"k", 1}})
             == R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m",)"
                R"("data":{"k":1}}})");
  BOOST_TEST(encode_error(rpc_fault{-32600, "bad", id})
             == R"({"jsonrpc":"2.0","id":0,"error":{"code":-32600,"message":"bad"}})");
  BOOST_TEST(encode_notification("n/x", {}) == R"({"jsonrpc":"2.0","method":"n/x"})");
  BOOST_TEST(encode_notification("n/x", {{"a", 1}})
             == R"({"jsonrpc":"2.0","method":"n/x","params":{"a":1}})");
  BOOST_TEST(encode_request(id, "ping", {}) == R"({"jsonrpc":"2.0","id":0,"method":"ping"})");
  BOOST_TEST(encode_batch({"1", "2"}) == "[1,2]");
  BOOST_TEST(encode_batch({}) == "[]");
}

BOOST_AUTO_TEST_CASE(errors_of_ours_carry_their_wire_code) {
  auto text = encode_error(rpc_id{std::int64_t{1}},
                           make_problem(errc::invalid_params, "name is missing.", "name"));
  BOOST_TEST(text
             == R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"name is missing.",)"
                R"("data":{"code":")"
                  + to_string(errc::invalid_params) + R"(","param":"name"}}})");
  auto hidden = encode_error(std::nullopt, make_problem(errc::internal, "SELECT secret"));
  BOOST_TEST(hidden.find("SELECT") == std::string::npos);
  BOOST_TEST(hidden.find("-32603") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(clients_are_told_the_reason_of_a_refused_payment) {
  auto told = for_client(with_details(make_problem(errc::budget_exhausted, "Used up."),
                                      R"({"required_usd":"0.001000"})"));
  BOOST_TEST(encode_error(std::nullopt, told)
             == R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Used up.",)"
                R"("data":{"code":"payment_required","reason":"budget_exhausted",)"
                R"("required_usd":"0.001000"}}})");
  auto other = make_problem(errc::invalid_params, "name is missing.", "name");
  BOOST_TEST(param_of(for_client(other)) == "name");
}

BOOST_AUTO_TEST_CASE(only_unreadable_requests_change_the_http_status) {
  BOOST_TEST(http_status_of(code_parse_error) == 400);
  BOOST_TEST(http_status_of(code_invalid_request) == 400);
  BOOST_TEST(http_status_of(code_unknown_method) == 200);
  BOOST_TEST(http_status_of(code_invalid_params) == 200);
  BOOST_TEST(http_status_of(code_internal) == 200);
}

BOOST_AUTO_TEST_CASE(any_bytes_decode_to_something) {
  BOOST_TEST(rc::check([](const std::string& bytes) {
    auto x = decode_body(bytes);
    if (auto* body = std::get_if<rpc_body>(&x))
      RC_ASSERT(!body->messages.empty());
    else
      RC_ASSERT(parse_json(encode_error(std::get<rpc_fault>(x))));
  }));
}

BOOST_AUTO_TEST_SUITE_END()
