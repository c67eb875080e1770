#include "core/base/idempotency.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

namespace {

const platform_id platform{"11111111-1111-4111-8111-111111111111"};
const end_user_id user{"22222222-2222-4222-8222-222222222222"};

} // namespace

BOOST_AUTO_TEST_SUITE(idempotency_test)

BOOST_AUTO_TEST_CASE(safe_methods_and_keyed_requests_may_be_repeated) {
  const http_headers none, with_key{{"idempotency-key", "k"}};
  for (auto* safe : {"GET", "HEAD"})
    BOOST_TEST(idempotency::may_repeat(safe, none), safe);
  for (auto* other : {"POST", "PATCH", "PUT", "DELETE"}) {
    BOOST_TEST(!idempotency::may_repeat(other, none), other);
    BOOST_TEST(idempotency::may_repeat(other, with_key), other);
  }
}

BOOST_AUTO_TEST_CASE(a_request_without_the_header_has_no_key) {
  auto key = idempotency::key_of(http_headers{});
  BOOST_TEST_REQUIRE(static_cast<bool>(key));
  BOOST_TEST(!key->has_value());
}

BOOST_AUTO_TEST_CASE(blanks_around_a_key_do_not_count) {
  auto key = idempotency::key_of(http_headers{{"idempotency-key", "  order-1 "}});
  BOOST_TEST_REQUIRE((key && key->has_value()));
  BOOST_TEST(**key == "order-1");
}

BOOST_AUTO_TEST_CASE(keys_that_cannot_be_kept_are_refused_by_name) {
  for (auto& bad : {std::string{}, std::string(256, 'x'), std::string{"a b"}, std::string{"\x7f"},
                    std::string{"schl\xc3\xbcssel"}}) {
    auto key = idempotency::key_of(http_headers{{"Idempotency-Key", bad}});
    BOOST_TEST_REQUIRE(!key);
    BOOST_TEST((code_of(key.error()) == errc::invalid_field));
    BOOST_TEST(param_of(key.error()) == "Idempotency-Key");
  }
  BOOST_TEST(
    idempotency::key_of(http_headers{{"Idempotency-Key", std::string(255, 'x')}}).operator bool());
}

BOOST_AUTO_TEST_CASE(two_keys_of_one_request_are_refused) {
  http_headers headers{{"Idempotency-Key", "a"}, {"idempotency-key", "a"}};
  BOOST_TEST((code_of(idempotency::key_of(headers).error()) == errc::invalid_field));
  json::object meta{{"io.callboard/idempotencyKey", "inner"}};
  BOOST_TEST(**idempotency::key_of(meta, headers) == "inner");
}

BOOST_AUTO_TEST_CASE(the_key_of_a_message_outranks_the_header) {
  http_headers headers{{"Idempotency-Key", "outer"}};
  json::object meta{{"io.callboard/idempotencyKey", "inner"}};
  BOOST_TEST(**idempotency::key_of(meta, headers) == "inner");
  BOOST_TEST(**idempotency::key_of(json::object{}, headers) == "outer");
  meta["io.callboard/idempotencyKey"] = 7;
  BOOST_TEST(!idempotency::key_of(meta, headers));
}

BOOST_AUTO_TEST_CASE(an_operation_belongs_to_its_caller_and_place) {
  auto first = idempotency::operation_of({platform, user, "POST /v1/responses"}, "k");
  BOOST_TEST(first == idempotency::operation_of({platform, user, "POST /v1/responses"}, "k"));
  BOOST_TEST(first != idempotency::operation_of({platform, {}, "POST /v1/responses"}, "k"));
  BOOST_TEST(first != idempotency::operation_of({platform, user, "POST /v1/other"}, "k"));
  BOOST_TEST(first != idempotency::operation_of({platform, user, "POST /v1/responses"}, "l"));
  platform_id other{"33333333-3333-4333-8333-333333333333"};
  BOOST_TEST(first != idempotency::operation_of({other, user, "POST /v1/responses"}, "k"));
}

BOOST_AUTO_TEST_CASE(the_hold_of_a_call_belongs_to_caller_endpoint_key_and_input) {
  principal caller;
  caller.platform = platform;
  caller.end_user = user;
  auto first = idempotency::hold_of_call(caller, "docs", "k");
  // The key that was used to authenticate does not matter, nor what it may see.
  auto same = caller;
  same.key = {"another"};
  same.tools = "[]";
  BOOST_TEST((first == idempotency::hold_of_call(same, "docs", "k")));
  BOOST_TEST((first != idempotency::hold_of_call(caller, "*", "k")));
  BOOST_TEST((first != idempotency::hold_of_call(caller, "docs", "l")));
  BOOST_TEST((first != idempotency::hold_of_call(caller, "docs", "k", "input")));
  caller.end_user = {};
  BOOST_TEST((first != idempotency::hold_of_call(caller, "docs", "k")));
}

BOOST_AUTO_TEST_CASE(only_what_was_done_ends_an_operation) {
  for (int status : {200, 201, 204})
    BOOST_TEST(idempotency::ends_operation(status));
  for (int status : {400, 402, 404, 409, 422, 429, 500, 502, 503})
    BOOST_TEST(!idempotency::ends_operation(status));
}

BOOST_AUTO_TEST_SUITE_END()
