#include "tests/unit/responses/event_checker.hpp"

#include <functional>

#include <boost/test/unit_test.hpp>

#include "tests/unit/responses/loop_driver.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

/// The frames of a good stream with a list, a call and a message.
std::vector<std::string> good_frames() {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "ok");
  x.text("Do");
  x.text("ne.");
  x.answer("Done.");
  return x.frames();
}

std::size_t position_of(const std::vector<std::string>& frames, std::string_view type,
                        std::size_t skip = 0) {
  for (std::size_t i = 0; i < frames.size(); ++i)
    if (frames[i].starts_with("event: response." + std::string{type} + "\n") && skip-- == 0)
      return i;
  return frames.size();
}

/// Gives the events after a deletion their right numbers, so that only the deletion is wrong.
void renumber(std::vector<std::string>& frames) {
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    auto begin = frames[i].find("\"sequence_number\":") + 18;
    auto end = frames[i].find_first_not_of("0123456789", begin);
    frames[i].replace(begin, end - begin, std::to_string(i));
  }
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  auto i = text.find(from);
  BOOST_REQUIRE(i != std::string::npos);
  text.replace(i, from.size(), to);
}

} // namespace

BOOST_AUTO_TEST_SUITE(event_checker_test)

BOOST_AUTO_TEST_CASE(a_good_stream_passes) { BOOST_TEST(check_stream(good_frames()) == ""); }

BOOST_AUTO_TEST_CASE(every_missing_event_is_noticed) {
  auto frames = good_frames();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    auto broken = frames;
    broken.erase(broken.begin() + static_cast<std::ptrdiff_t>(i));
    if (i + 1 < frames.size())
      renumber(broken);
    BOOST_TEST_CONTEXT(frames[i].substr(0, 60)) { BOOST_TEST(check_stream(broken) != ""); }
  }
}

BOOST_AUTO_TEST_CASE(every_event_sent_twice_is_noticed) {
  auto frames = good_frames();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    auto broken = frames;
    broken.insert(broken.begin() + static_cast<std::ptrdiff_t>(i), frames[i]);
    BOOST_TEST_CONTEXT(frames[i].substr(0, 60)) { BOOST_TEST(check_stream(broken) != ""); }
  }
}

BOOST_AUTO_TEST_CASE(wrong_fields_are_noticed) {
  auto check = [](std::string_view type, std::size_t skip, std::string_view from,
                  std::string_view to) {
    auto frames = good_frames();
    auto i = position_of(frames, type, skip);
    BOOST_REQUIRE(i < frames.size());
    replace(frames[i], from, to);
    return check_stream(frames);
  };
  BOOST_TEST(check("output_item.done", 1, "mcp_0011", "mcp_0012") != "");
  BOOST_TEST(check("output_item.added", 1, "\"output_index\":1", "\"output_index\":0") != "");
  BOOST_TEST(check("mcp_call.completed", 0, "\"output_index\":1", "\"output_index\":2") != "");
  BOOST_TEST(check("mcp_call_arguments.delta", 0, "{}", "{1}") != "");
  BOOST_TEST(check("output_text.delta", 0, "Do", "No") != "");
  BOOST_TEST(check("output_text.delta", 0, "\"content_index\":0", "\"content_index\":1") != "");
  BOOST_TEST(check("output_item.done", 1, "\"status\":\"completed\"", "\"status\":\"failed\"")
             != "");
  BOOST_TEST(check("completed", 0, "Done.", "Gone.") != "");
  BOOST_TEST(check("completed", 0, "event: response.completed", "event: response.x") != "");
  BOOST_TEST(check("created", 0, "\"sequence_number\":0", "\"sequence_number\":1") != "");
}

BOOST_AUTO_TEST_CASE(frames_must_be_whole_events) {
  auto frames = good_frames();
  frames[3].pop_back();
  BOOST_TEST(check_stream(frames) != "");
  auto joined = good_frames();
  joined[3] += joined[4];
  BOOST_TEST(check_stream(joined) != "");
}

BOOST_AUTO_TEST_SUITE_END()
