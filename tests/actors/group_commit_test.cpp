#include "actors/group_commit.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

namespace {

using ints = std::vector<int>;
using commit = group_commit<int>;

/// Batches as they start, and what may start them.
struct commit_fixture {
  std::vector<ints> batches;
  bool waits = false;
  std::vector<commit::load> asked;

  std::function<void(ints)> run() {
    return [this](ints x) { batches.push_back(std::move(x)); };
  }

  std::function<bool(commit::load)> should_wait() {
    return [this](commit::load x) {
      asked.push_back(x);
      return waits;
    };
  }
};

void add(commit& x, const ints& items) {
  for (auto item : items)
    x.add(item);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(group_commit_test, commit_fixture)

BOOST_AUTO_TEST_CASE(while_one_batch_is_under_way_the_next_collects) {
  commit x{{3}, run()};
  add(x, {1, 2, 3, 4, 5});
  BOOST_TEST((batches == std::vector<ints>{{1}}));
  x.done();
  BOOST_TEST((batches == std::vector<ints>{{1}, {2, 3, 4}}));
  x.done();
  BOOST_TEST((batches == std::vector<ints>{{1}, {2, 3, 4}, {5}}));
  x.done();
  add(x, {6});
  BOOST_TEST((batches.back() == ints{6}));
}

BOOST_AUTO_TEST_CASE(as_many_are_under_way_at_once_as_are_allowed) {
  commit x{{8, 2}, run()};
  add(x, {1, 2, 3, 4});
  BOOST_TEST((batches == std::vector<ints>{{1}, {2}}));
  x.done();
  BOOST_TEST((batches == std::vector<ints>{{1}, {2}, {3, 4}}));
  add(x, {5});
  BOOST_TEST(batches.size() == 3u);
}

BOOST_AUTO_TEST_CASE(the_owner_may_let_a_batch_wait) {
  commit x{{8, 2, should_wait()}, run()};
  add(x, {1});
  waits = true;
  add(x, {2, 3});
  BOOST_TEST(batches.size() == 1u);
  BOOST_TEST(asked.back().waiting == 2u);
  BOOST_TEST(asked.back().batches_under_way == 1u);
  x.done();
  BOOST_TEST(batches.size() == 1u);
  BOOST_TEST(asked.back().batches_under_way == 0u);
  waits = false;
  x.look_again();
  BOOST_TEST((batches == std::vector<ints>{{1}, {2, 3}}));
}

BOOST_AUTO_TEST_CASE(what_runs_again_is_waited_for_as_well) {
  commit x{{8}, run()};
  add(x, {1});
  add(x, {2, 3, 4});
  x.done();
  x.run_again({2});
  x.run_again({3});
  x.done(); // the batch of both
  BOOST_TEST((batches == std::vector<ints>{{1}, {2, 3, 4}, {2}, {3}}));
  x.done();
  add(x, {5});
  BOOST_TEST(batches.size() == 4u);
  x.done();
  BOOST_TEST((batches.back() == ints{5}));
}

BOOST_AUTO_TEST_CASE(at_the_end_everything_starts) {
  commit x{{2}, run()};
  add(x, {1, 2, 3, 4});
  x.flush();
  BOOST_TEST((batches == std::vector<ints>{{1}, {2, 3}, {4}}));
}

BOOST_AUTO_TEST_SUITE_END()
