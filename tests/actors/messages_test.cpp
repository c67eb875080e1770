#include <boost/test/unit_test.hpp>

#include <type_traits>

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include "tests/support/node_fixture.hpp"

using namespace callboard;

namespace {

/// Walks through a message's fields as a serializer does and refuses floating point at compile time
/// (STYLE.md; DESIGN.md section 4).
struct float_hunter {
  using result_type = void;

  template <class... Ts>
  void operator()(Ts&&... xs) {
    (visit(xs), ...);
  }

  template <class T>
  void visit(T& x) {
    using type = std::remove_const_t<T>;
    static_assert(!std::is_floating_point_v<type>, "floating point in a message");
    if constexpr (requires { typename type::value_type; } && !std::is_same_v<type, std::string>) {
      typename type::value_type element{};
      visit(element);
    } else if constexpr (requires { inspect(*this, x); }) {
      inspect(*this, x);
    }
  }
};

template <class T>
bool has_no_floats() {
  T x{};
  float_hunter hunter;
  inspect(hunter, x);
  return true;
}

/// A value after a trip through CAF's binary format.
template <class T>
T round_trip(caf::actor_system& sys, T x) {
  std::vector<char> bytes;
  caf::binary_serializer sink{sys, bytes};
  if (auto problem = sink(x))
    throw std::runtime_error{caf::to_string(problem)};
  T y{};
  caf::binary_deserializer source{sys, bytes};
  if (auto problem = source(y))
    throw std::runtime_error{caf::to_string(problem)};
  return y;
}

/// The text of all fields that a message shows.
template <class T>
std::string text_of(const T& x) {
  return caf::deep_to_string(x);
}

template <class T>
void check_round_trip(caf::actor_system& sys, const T& x) {
  BOOST_TEST(text_of(round_trip(sys, x)) == text_of(x));
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(messages_test, actor_fixture)

BOOST_AUTO_TEST_CASE(messages_survive_the_wire) {
  check_round_trip(sys, platform_id{"p"});
  check_round_trip(sys, micro_usd{-5});
  check_round_trip(sys, principal{key_kind::end_user, {"k"}, {"p"}, {"u"}});
  check_round_trip(
    sys, store_call{{"p"},
                    "a/b",
                    {store_value::text("x"), store_value::null(), store_value::secret("s", "row")},
                    true});
  check_round_trip(sys, store_rows{{"a", "b"}, {"1", ""}, {0, 1}});
  fetch_request fetch;
  fetch.id = 7;
  fetch.message = {"POST", "https://x", {{"A", "b"}}, "body"};
  check_round_trip(sys, fetch);
  check_round_trip(sys, http_response{200, {{"A", "b"}}, "body"});
  admission hold;
  hold.id = {"h"};
  hold.request_hash = std::string{"\0\xff", 2};
  hold.kind = hold_kind::mcp;
  hold.amount = {9};
  hold.turn = 3;
  check_round_trip(sys, hold);
  check_round_trip(sys, hold_ticket{{"h"}, true, {4}, 'P'});
  settlement end;
  end.id = {"h"};
  end.charge = false;
  end.input_tokens = 5;
  check_round_trip(sys, end);
  check_round_trip(sys, tool_job{{}, "github", "t", {{"a", 1}}, {"h"}, {"r"}});
  check_round_trip(sys, tool_result{true, "text", "{}", true, true, {{3}, {}, false}});
}

BOOST_AUTO_TEST_CASE(values_and_not_only_their_texts_survive) {
  auto who = principal{key_kind::lifecycle_test, {"k"}, {"p"}, {"u"}};
  BOOST_TEST((round_trip(sys, who) == who));
  BOOST_TEST((round_trip(sys, session_id{"s"}) == session_id{"s"}));
  BOOST_TEST(round_trip(sys, hold_ticket{{"h"}, true, {4}, 'P'}).existed == 'P');
  BOOST_TEST((round_trip(sys, errc::fenced) == errc::fenced));
}

BOOST_AUTO_TEST_CASE(secrets_have_no_text) {
  model_info model;
  model.api_key = "sk-secret";
  BOOST_TEST(text_of(model).find("sk-secret") == std::string::npos);
  BOOST_TEST(text_of(credentials{{"c"}, "token-secret", "{}"}).find("token-secret")
             == std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_message_holds_floating_point) {
  BOOST_TEST(has_no_floats<micro_usd>());
  BOOST_TEST(has_no_floats<principal>());
  BOOST_TEST(has_no_floats<store_call>());
  BOOST_TEST(has_no_floats<store_rows>());
  BOOST_TEST(has_no_floats<fetch_request>());
  BOOST_TEST(has_no_floats<http_response>());
  BOOST_TEST(has_no_floats<admission>());
  BOOST_TEST(has_no_floats<hold_ticket>());
  BOOST_TEST(has_no_floats<settlement>());
  BOOST_TEST(has_no_floats<model_info>());
  BOOST_TEST(has_no_floats<tool_job>());
  BOOST_TEST(has_no_floats<tool_result>());
  BOOST_TEST(has_no_floats<credentials>());
}

BOOST_AUTO_TEST_SUITE_END()
