#include "ops/callboard/sandbox/fault.hpp"

#include <algorithm>
#include <utility>

namespace callboard::sandbox {

namespace {

/// A test needs a handful; more is a test that forgot to reset.
constexpr std::size_t faults_max = 1000;
/// Above every time limit of the node, so that "too slow" can be tested, and still finite.
constexpr std::int64_t delay_ms_max = 3'600'000;
/// What the process is willing to hold in memory for one answer.
constexpr std::int64_t huge_bytes_max = 256ll * 1024 * 1024;
constexpr std::size_t slow_pieces = 8;

} // namespace

bool fits(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  auto star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

namespace {

/// Reads an optional integer within bounds.
result<std::int64_t> read_number(const json::object& x, std::string_view name, std::int64_t low,
                                 std::int64_t high, std::int64_t otherwise) {
  if (find(x, name) == nullptr)
    return otherwise;
  const auto value = find_integer(x, name);
  if (!value || *value < low || *value > high)
    return make_problem(errc::invalid_field, "It must be an integer within its bounds.",
                        std::string{name});
  return *value;
}

result<bool> read_answer(const json::object& x, fault& out) {
  if (const auto* headers = find_object(x, "headers"))
    for (const auto& [name, value] : *headers) {
      if (!value.is_string())
        return make_problem(errc::invalid_field, "A header must be a string.", "headers");
      out.headers.push_back({std::string{name}, to_std(value.get_string())});
    }
  if (const auto* body = find(x, "body")) {
    out.body = body->is_string() ? to_std(body->get_string()) : json::serialize(*body);
    if (!find_header(out.headers, "Content-Type"))
      out.headers.push_back(
        {"Content-Type", body->is_string() ? "text/plain; charset=utf-8" : "application/json"});
  }
  return true;
}

} // namespace

result<fault> parse_fault(const json::object& x) {
  static constexpr std::string_view known[] = {"match", "times",  "skip",    "effect", "delay_ms",
                                               "kind",  "status", "headers", "body",   "bytes"};
  for (const auto& member : x)
    if (std::find(std::begin(known), std::end(known), std::string_view{member.key()})
        == std::end(known))
      return make_problem(errc::invalid_field, "There is no such member.",
                          std::string{member.key()});
  fault out;
  const auto match = find_string(x, "match");
  if (!match || match->empty())
    return make_problem(errc::invalid_field, "It must be \"METHOD PATH\".", "match");
  out.match = *match;
  if (find(x, "kind") != nullptr) {
    const auto kind = find_string(x, "kind");
    if (!kind || kind->empty())
      return make_problem(errc::invalid_field, "It must be a name.", "kind");
    out.kind = *kind;
  }
  const auto times = read_number(x, "times", -1, 1'000'000, 1);
  const auto skip = read_number(x, "skip", 0, 1'000'000, 0);
  const auto delay = read_number(x, "delay_ms", 0, delay_ms_max, 0);
  const auto status = read_number(x, "status", 200, 599, 500);
  const auto bytes =
    read_number(x, "bytes", 1, huge_bytes_max, static_cast<std::int64_t>(out.bytes));
  for (const auto* number : {&times, &skip, &delay, &status, &bytes})
    if (!*number)
      return number->error();
  out.times = *times;
  out.skip = *skip;
  out.delay = std::chrono::milliseconds{*delay};
  out.status = static_cast<int>(*status);
  out.bytes = static_cast<std::size_t>(*bytes);
  out.effect = find_bool(x, "effect").value_or(false);
  if (auto ok = read_answer(x, out); !ok)
    return ok.error();
  return out;
}

json::object describe(const fault& x) {
  return {{"id", x.id},     {"match", x.match},   {"times", x.times},           {"skip", x.skip},
          {"kind", x.kind}, {"effect", x.effect}, {"delay_ms", x.delay.count()}};
}

namespace {

answer slow_down(answer x, std::chrono::milliseconds delay) {
  const auto all = body_of(x);
  const auto step = std::max<std::size_t>(1, (all.size() + slow_pieces - 1) / slow_pieces);
  x.body.clear();
  x.pieces.clear();
  for (std::size_t at = 0; at < all.size(); at += step)
    x.pieces.push_back({all.substr(at, step), delay});
  x.streamed = true;
  return x;
}

answer break_off(answer x) {
  const auto all = body_of(x);
  x.pieces.clear();
  x.streamed = true;
  x.body = all.substr(0, all.size() / 2);
  x.end = ending::cut;
  return x;
}

answer hang() {
  answer x;
  x.end = ending::hang;
  return x;
}

} // namespace

answer spoil(const fault& x, const app* owner, const request& in,
             const std::function<answer()>& act) {
  const bool wants_answer = x.kind == "delay" || x.kind == "slow" || x.kind == "close";
  answer out;
  if (wants_answer || x.effect)
    out = act();
  if (x.kind == "hang") {
    out = hang();
  } else if (x.kind == "close") {
    out = break_off(std::move(out));
  } else if (x.kind == "slow") {
    return slow_down(std::move(out), x.delay);
  } else if (x.kind == "huge") {
    out = text_answer(200, "application/json", '"' + std::string(x.bytes, 'x') + '"');
  } else if (x.kind == "status") {
    out = answer{};
    out.status = x.status;
    out.headers = x.headers;
    out.body = x.body;
  } else if (x.kind != "delay") {
    auto trouble = owner ? owner->trouble(x.kind, in) : std::nullopt;
    out = trouble ? std::move(*trouble)
                  : json_answer(500, json::object{{"message", "No such trouble: " + x.kind}});
  }
  out.delay = x.delay;
  return out;
}

result<std::int64_t> fault_list::add(fault x) {
  if (faults_.size() >= faults_max)
    return make_problem(errc::over_limit, "There are too many faults; reset first.");
  x.id = next_id_++;
  faults_.push_back(std::move(x));
  return faults_.back().id;
}

std::optional<fault> fault_list::take(std::string_view method, std::string_view path) {
  const auto line = std::string{method} + ' ' + std::string{path};
  for (auto i = faults_.begin(); i != faults_.end(); ++i) {
    if (!fits(i->match, line))
      continue;
    if (i->skip > 0) {
      --i->skip;
      continue;
    }
    auto hit = *i;
    if (i->times > 0 && --i->times == 0)
      faults_.erase(i);
    return hit;
  }
  return std::nullopt;
}

json::array fault_list::describe_all() const {
  json::array all;
  for (const auto& x : faults_)
    all.push_back(describe(x));
  return all;
}

} // namespace callboard::sandbox
