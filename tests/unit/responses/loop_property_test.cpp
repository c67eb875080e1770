#include "core/responses/loop.hpp"

#include <set>

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

#include "core/responses/stored_conversation.hpp"
#include "tests/unit/responses/loop_driver.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

/// Makes one arbitrary move of the model, a tool or the world. A made-up tool, bad arguments, and
/// inputs that come at the wrong time are among them.
void move(loop_driver& x, std::set<std::size_t>& answered) {
  auto texts = rc::gen::element<std::string>("", " ", "\n", "Hello", " ü", "x");
  auto calls = rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
    "github_a", "github_b={\"n\":1}", "slack_a=", "slack_b={", "made_up", "github_a"));
  switch (*rc::gen::weightedElement<int>(
    {{8, 0}, {3, 1}, {6, 2}, {2, 3}, {1, 4}, {1, 5}, {12, 6}, {1, 7}})) {
  case 0:
    return x.text(*texts, *rc::gen::weightedElement<bool>({{9, false}, {1, true}}));
  case 1:
    return x.answer(
      x.streamed() + *texts,
      *rc::gen::element(finish_reason::stop, finish_reason::length, finish_reason::content_filter));
  case 2:
    return x.call(*calls, x.streamed() + *texts);
  case 3: {
    auto mixed = *calls;
    mixed.push_back("lookup");
    return x.call(mixed, x.streamed() + *texts);
  }
  case 4:
    return x.turn_failed(make_problem(errc::upstream_failed, "Broken."));
  case 5:
    return x.stop(make_problem(errc::wallet_insufficient, "Empty."));
  case 6:
    if (!x.runs().empty()) {
      auto i = *rc::gen::inRange<std::size_t>(0, x.runs().size());
      answered.insert(i);
      x.outcome(i, *texts, *rc::gen::arbitrary<bool>());
    }
    return;
  default:
    return x.list_failed(0, make_problem(errc::mcp_unreachable, "Away."));
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(loop_property_test)

BOOST_AUTO_TEST_CASE(every_course_of_events_gives_a_valid_stream) {
  bool ok = rc::check("streams are valid, bounded and can go on", [] {
    loop_driver x{loop_driver::tools({"github", "slack"}, {"lookup"})};
    std::set<std::size_t> answered;
    x.start();
    for (int i = 0; i < 3; ++i)
      if (*rc::gen::weightedElement<bool>({{9, true}, {1, false}}))
        x.list(*rc::gen::inRange<std::size_t>(0, 2));
      else
        move(x, answered);
    x.list(0);
    x.list(1);
    auto moves = *rc::gen::inRange(0, 60);
    for (int i = 0; i < moves; ++i)
      move(x, answered);
    x.stop(make_problem(errc::timeout, "Too long."));
    RC_ASSERT(x.succeeded() != x.failed());
    RC_ASSERT(x.subject().ended());
    RC_ASSERT(check_stream(x.frames()) == "");
    RC_ASSERT(x.turns().size() <= 10u);
    // The same call is never run twice, and each body is one that a model server accepts.
    std::set<std::size_t> ids;
    for (auto& run : x.runs())
      RC_ASSERT(ids.insert(run.call).second);
    for (auto& turn : x.turns()) {
      std::set<std::string> open;
      for (auto& message : turn.body.at("messages").as_array()) {
        auto& object = message.as_object();
        if (find_string(object, "role") == "tool") {
          RC_ASSERT(open.erase(find_string(object, "tool_call_id").value()) == 1u);
          continue;
        }
        RC_ASSERT(open.empty());
        if (auto* calls = find_array(object, "tool_calls"))
          for (auto& call : *calls)
            RC_ASSERT(open.insert(to_std(call.at("id").as_string())).second);
      }
      RC_ASSERT(open.empty());
    }
    // What is stored can be read again, whatever happened.
    auto history = history_of({}, x.response().at("output").as_array());
    RC_ASSERT(static_cast<bool>(load_history(history)));
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_SUITE_END()
