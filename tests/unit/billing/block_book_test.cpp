#include <boost/test/unit_test.hpp>

#include "core/billing/block_book.hpp"

using namespace callboard;
using namespace callboard::billing;
using namespace std::chrono_literals;

namespace {

struct book_fixture {
  block_book::time_point at(std::chrono::milliseconds x) const { return block_book::time_point{x}; }

  void grow(const end_user_id& payer, const hold_id& id, std::int64_t amount) {
    book.grown(payer, id, {amount}, at(0ms), at(60s));
  }

  bool takes(const end_user_id& payer, std::int64_t price, std::chrono::milliseconds when = 1ms) {
    return book.take(payer, {price}, at(when)).has_value();
  }

  block_book book;
  end_user_id anybody;
  end_user_id ann{"ann"};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(block_book_test, book_fixture)

BOOST_AUTO_TEST_CASE(a_retired_block_is_neither_drawn_from_nor_made_larger) {
  grow(anybody, {"b"}, 30);
  grow(ann, {"c"}, 30);
  book.retire_block({"b"});
  BOOST_TEST(!takes(anybody, 1));
  BOOST_TEST(book.block_to_grow(anybody, at(1ms), [] { return "new"; }).value == "new");
  BOOST_TEST(takes(ann, 1));
}

BOOST_AUTO_TEST_CASE(a_block_pays_exactly_what_it_holds) {
  BOOST_TEST(!takes(anybody, 1));
  grow(anybody, {"b"}, 30);
  BOOST_TEST(takes(anybody, 10));
  BOOST_TEST(takes(anybody, 20));
  BOOST_TEST(!takes(anybody, 1));
  book.put_back({"b"}, {20});
  BOOST_TEST(!takes(anybody, 21));
  BOOST_TEST(takes(anybody, 20));
}

BOOST_AUTO_TEST_CASE(payers_do_not_share) {
  grow(ann, {"b"}, 30);
  BOOST_TEST(!takes(anybody, 1));
  BOOST_TEST(takes(ann, 1));
}

BOOST_AUTO_TEST_CASE(a_block_is_not_used_after_its_time) {
  grow(anybody, {"b"}, 30);
  BOOST_TEST(takes(anybody, 1, 59'999ms));
  BOOST_TEST(!takes(anybody, 1, 60'000ms));
  BOOST_TEST((book.block_to_grow(anybody, at(60s), [] { return "new"; }) == hold_id{"new"}));
  BOOST_TEST((book.block_to_grow(anybody, at(1s), [] { return "new"; }) == hold_id{"b"}));
}

BOOST_AUTO_TEST_CASE(what_is_idle_goes_back_once) {
  grow(anybody, {"b"}, 30);
  takes(anybody, 10, 5s);
  BOOST_TEST(book.take_rests(at(4s), at(5s)).empty());
  auto rests = book.take_rests(at(5s), at(6s));
  BOOST_REQUIRE(rests.size() == 1u);
  BOOST_TEST(rests[0].block.value == "b");
  BOOST_TEST(rests[0].amount.value == 20);
  BOOST_TEST(!takes(anybody, 1, 6s));
  BOOST_TEST(book.take_rests(at(6s), at(6s)).empty());
}

BOOST_AUTO_TEST_CASE(a_call_that_outlives_its_block_gives_its_price_back_all_the_same) {
  grow(anybody, {"b"}, 30);
  takes(anybody, 10);
  BOOST_TEST(book.take_rests(at(1ms), at(1ms)).size() == 1u);
  book.put_back({"b"}, {10});
  BOOST_TEST(book.left().value == 10);
  auto rests = book.take_rests(at(2ms), at(2ms));
  BOOST_REQUIRE(rests.size() == 1u);
  BOOST_TEST(rests[0].amount.value == 10);
  BOOST_TEST(book.empty());
}

BOOST_AUTO_TEST_CASE(a_block_with_calls_under_way_is_outlived_until_it_is_extended) {
  grow(anybody, {"b"}, 20);
  BOOST_TEST(book.outlived(at(60s)).empty()); // no call
  BOOST_TEST(takes(anybody, 10));
  BOOST_TEST(book.outlived(at(59s)).empty());
  BOOST_TEST(book.outlived(at(60s)).size() == 1u);
  book.extended({{"b"}, {"unknown"}}, at(90s));
  BOOST_TEST(book.outlived(at(89s)).empty());
  BOOST_TEST(book.outlived(at(90s)).size() == 1u);
  book.booked({"b"});
  BOOST_TEST(book.outlived(at(90s)).empty());
}

BOOST_AUTO_TEST_CASE(a_booked_call_leaves_nothing_behind) {
  grow(anybody, {"b"}, 10);
  takes(anybody, 10);
  BOOST_TEST(book.take_rests(at(1ms), at(1ms)).empty());
  BOOST_TEST(!book.empty());
  book.booked({"b"});
  BOOST_TEST(book.empty());
}

BOOST_AUTO_TEST_CASE(changed_budgets_end_the_blocks_of_users_and_no_other) {
  grow(ann, {"a"}, 30);
  grow(anybody, {"b"}, 30);
  book.retire_budgets();
  BOOST_TEST(!takes(ann, 1));
  BOOST_TEST(takes(anybody, 1));
  auto rests = book.take_rests(at(0ms), at(1ms));
  BOOST_REQUIRE(rests.size() == 1u);
  BOOST_TEST(rests[0].block.value == "a");
}

BOOST_AUTO_TEST_CASE(one_payer_may_be_asked_for_its_rests_alone) {
  grow(ann, {"a"}, 30);
  grow(anybody, {"b"}, 30);
  auto rests = book.take_rests_of(ann);
  BOOST_REQUIRE(rests.size() == 1u);
  BOOST_TEST(rests[0].block.value == "a");
  BOOST_TEST(!takes(ann, 1));
  BOOST_TEST(takes(anybody, 1));
  BOOST_TEST(book.take_rests_of(ann).empty());
}

BOOST_AUTO_TEST_CASE(blocks_that_are_soon_used_up_grow_faster) {
  auto first = book.wish(anybody, {10}, at(0ms));
  BOOST_TEST(first.value == 80);
  grow(anybody, {"b"}, 80);
  BOOST_TEST(!book.runs_low(anybody));
  takes(anybody, 50);
  BOOST_TEST(book.runs_low(anybody));
  BOOST_TEST(book.wish(anybody, {10}, at(100ms)).value == 160);
  BOOST_TEST(book.wish(anybody, {10}, at(10s)).value == 80);
  grow(anybody, {"b"}, 1'000'000);
  BOOST_TEST(book.wish(anybody, {10}, at(1ms)).value == 20'480);
}

BOOST_AUTO_TEST_SUITE_END()
