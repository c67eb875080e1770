#include "core/billing/prices.hpp"

#include <set>

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace callboard;
using namespace callboard::billing;

BOOST_AUTO_TEST_SUITE(prices_test)

BOOST_AUTO_TEST_CASE(a_turn_costs_its_tokens_at_their_prices) {
  // 2.50 in, 1.25 cached, 10.00 out, in dollars per million.
  model_price price{{2'500'000}, {1'250'000}, {10'000'000}};
  BOOST_TEST(cost_of({1'000'000, 0, 0}, price, {}).value == 2'500'000);
  BOOST_TEST(cost_of({1'000'000, 1'000'000, 0}, price, {}).value == 1'250'000);
  BOOST_TEST(cost_of({120, 20, 35}, price, {}).value == 250 + 25 + 350);
  BOOST_TEST(cost_of({120, 20, 35}, price, {200'000}).value == 750);
  BOOST_TEST(cost_of({0, 0, 0}, price, {200'000}).value == 0);
}

BOOST_AUTO_TEST_CASE(fractions_round_up_once) {
  BOOST_TEST(cost_of({1, 0, 1}, {{100'000}, {0}, {100'000}}, {}).value == 1);
  BOOST_TEST(cost_of({1, 0, 0}, {{1}, {0}, {0}}, {}).value == 1);
  BOOST_TEST(with_markup({1}, {1}).value == 2);
  BOOST_TEST(with_markup({1000}, {200'000}).value == 1200);
}

BOOST_AUTO_TEST_CASE(absurd_products_saturate) {
  BOOST_TEST(cost_of({1'000'000'000'000, 0, 1'000'000'000'000}, {money_max, money_max, money_max},
                     {1'000'000})
               .value
             == money_max.value);
}

BOOST_AUTO_TEST_CASE(the_hold_is_never_below_the_cost) {
  BOOST_TEST(rc::check("upper bound", [] {
    auto tokens = [] { return *rc::gen::inRange<std::int64_t>(0, 10'000'000); };
    auto usd = [] { return micro_usd{*rc::gen::inRange<std::int64_t>(0, 1'000'000'000)}; };
    auto input = tokens();
    auto cached = *rc::gen::inRange<std::int64_t>(0, input + 1);
    auto output_max = tokens();
    auto output = *rc::gen::inRange<std::int64_t>(0, output_max + 1);
    auto in = usd();
    model_price price{in, {*rc::gen::inRange<std::int64_t>(0, in.value + 1)}, usd()};
    markup extra{*rc::gen::inRange<std::int64_t>(0, 1'000'000)};
    RC_ASSERT(hold_for(input, output_max, price, extra)
              >= cost_of({input, cached, output}, price, extra));
  }));
}

BOOST_AUTO_TEST_CASE(hold_ids_repeat_for_a_retry_and_differ_otherwise) {
  loop_id a{"2ed6657d-e927-568b-95e1-2665a8aea6a2"};
  loop_id b{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"};
  BOOST_TEST((turn_hold(a, 1) == turn_hold(a, 1)));
  std::set<hold_id> ids{turn_hold(a, 1),    turn_hold(a, 2),    turn_hold(b, 1),
                        tool_hold(a, 1, 0), tool_hold(a, 1, 1), tool_hold(a, 2, 0)};
  BOOST_TEST(ids.size() == 6u);
}

BOOST_AUTO_TEST_SUITE_END()
