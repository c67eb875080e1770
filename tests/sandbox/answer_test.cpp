#include "ops/callboard/sandbox/answer.hpp"

#include <deque>
#include <future>
#include <memory>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "ops/callboard/sandbox/timetable.hpp"

using namespace callboard;
using namespace callboard::sandbox;
using namespace std::chrono_literals;

namespace {

/// Writes down what happens to it.
struct noting_sink : reply_sink {
  explicit noting_sink(std::string& out) : log(out) {}

  ~noting_sink() override { log += "gone;"; }

  void finish(reply x) override {
    log += "finish " + std::to_string(x.status) + ' ' + x.body + ';';
  }

  void start_stream(int status, http_headers) override {
    log += "start " + std::to_string(status) + ';';
  }

  bool send(std::string bytes) override {
    log += "send " + bytes + ';';
    return reads;
  }

  void end_stream(bool clean) override { log += clean ? "end;" : "break;"; }

  void on_closed(std::function<void()> notice) override { closed = std::move(notice); }

  std::string& log;
  bool reads = true;
  std::function<void()> closed;
};

struct answer_fixture {
  /// Performs, and keeps no hold of the sink.
  std::weak_ptr<noting_sink> run(answer x, bool reads = true) {
    auto sink = std::make_shared<noting_sink>(log);
    sink->reads = reads;
    perform(std::move(x), sink, [this](std::chrono::milliseconds pause, auto work) {
      log += "wait " + std::to_string(pause.count()) + ';';
      waiting.push_back(std::move(work));
    });
    return sink;
  }

  /// Lets the pauses end.
  void go_on() {
    while (!waiting.empty()) {
      auto work = std::move(waiting.front());
      waiting.pop_front();
      work();
    }
  }

  std::string log;
  std::deque<std::function<void()>> waiting;
};

answer streamed(std::vector<piece> pieces, ending end = ending::complete) {
  auto x = text_answer(200, "text/plain", {});
  x.streamed = true;
  x.pieces = std::move(pieces);
  x.end = end;
  return x;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(answer_test, answer_fixture)

BOOST_AUTO_TEST_CASE(a_plain_answer_is_finished_at_once) {
  run(text_answer(404, "text/plain", "no"));
  BOOST_TEST(log == "finish 404 no;gone;");
}

BOOST_AUTO_TEST_CASE(an_answer_waits_for_its_delay) {
  auto x = text_answer(200, "text/plain", "late");
  x.delay = 50ms;
  run(std::move(x));
  BOOST_TEST(log == "wait 50;");
  go_on();
  BOOST_TEST(log == "wait 50;finish 200 late;gone;");
}

BOOST_AUTO_TEST_CASE(pieces_are_sent_with_their_pauses) {
  run(streamed({{"a"}, {"b", 5ms}, {"c"}, {"d", 6ms}}));
  go_on();
  BOOST_TEST(log == "start 200;send a;wait 5;send b;send c;wait 6;send d;end;gone;");
}

BOOST_AUTO_TEST_CASE(long_bodies_go_out_in_bursts) {
  const std::string part(100 * 1024, 'x');
  run(streamed({{part}, {part}, {part}}));
  go_on();
  const auto waits = [this] {
    std::size_t count = 0;
    for (auto at = log.find("wait 2;"); at != std::string::npos; at = log.find("wait 2;", at + 1))
      ++count;
    return count;
  };
  BOOST_TEST(waits() == 2u);
  BOOST_TEST(log.ends_with("end;gone;"));
}

BOOST_AUTO_TEST_CASE(a_cut_answer_breaks) {
  run(streamed({{"a"}}, ending::cut));
  auto whole = text_answer(200, "text/plain", "half");
  whole.end = ending::cut;
  run(std::move(whole));
  BOOST_TEST(log == "start 200;send a;break;gone;start 200;send half;break;gone;");
}

BOOST_AUTO_TEST_CASE(a_client_that_left_gets_nothing_more) {
  run(streamed({{"a"}, {"b"}}), false);
  BOOST_TEST(log == "start 200;send a;gone;");
}

BOOST_AUTO_TEST_CASE(a_hanging_answer_lasts_until_the_client_leaves) {
  answer nothing;
  nothing.end = ending::hang;
  for (const auto& x : {nothing, streamed({{"a"}}, ending::hang)}) {
    log.clear();
    const auto sink = run(x);
    BOOST_TEST(log == (x.streamed ? "start 200;send a;" : ""));
    BOOST_REQUIRE(!sink.expired());
    const auto notice = std::exchange(sink.lock()->closed, nullptr);
    notice();
    BOOST_TEST(sink.expired());
  }
}

BOOST_AUTO_TEST_CASE(a_timetable_keeps_the_order_of_time) {
  std::string order;
  std::promise<void> last;
  {
    timetable times;
    times.later(30ms, [&] {
      order += 'c';
      last.set_value();
    });
    times.later(1ms, [&] { order += 'a'; });
    times.later(1ms, [&] { order += 'b'; });
    times.later(1h, [&] { order += 'x'; });
    last.get_future().wait();
  }
  BOOST_TEST(order == "abc");
}

BOOST_AUTO_TEST_SUITE_END()
