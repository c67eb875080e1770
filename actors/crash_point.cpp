#include "actors/crash_point.hpp"

#ifdef CALLBOARD_CRASH_POINTS

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

namespace callboard {
namespace {

/// What the environment asks for, read once.
struct wanted_crash {
  wanted_crash() {
    auto* text = std::getenv("CALLBOARD_CRASH_AT");
    std::string_view rest = text ? text : "";
    place = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(place.size() + 1, rest.size()));
    auto number = rest.substr(0, rest.find(':'));
    std::from_chars(number.data(), number.data() + number.size(), nth);
    stops = rest.ends_with(":stop");
  }

  std::string place;
  int nth = 1;
  bool stops = false;
  std::atomic<int> seen{0};
};

} // namespace

void crash_point(std::string_view place) {
  static wanted_crash wanted;
  if (wanted.place != place || ++wanted.seen != wanted.nth)
    return;
  std::raise(wanted.stops ? SIGSTOP : SIGKILL);
}

} // namespace callboard

#endif
