#include "actors/request_limiter.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/base/json.hpp"

namespace callboard {
namespace {

/// How often counts of the day are stored; what a node that dies may lose of them.
constexpr auto store_interval = std::chrono::seconds{1};

/// A user who goes on asking has its limits read again that often: a change through another node is
/// seen after that long.
constexpr auto read_again_after = std::chrono::seconds{5};

/// Users who are remembered at once; at about 400 bytes each 20 MB for a platform. Nobody is
/// forgotten within its minute: with more users than these active in one minute, further ones are
/// answered as overloaded rather than given a fresh allowance.
constexpr std::size_t users_max = 50'000;

/// Users of one statement, which takes PostgreSQL some ten milliseconds then.
constexpr std::size_t statement_users_max = 1000;

std::optional<std::int64_t> limit_of(const store_row& row, const char* column) {
  if (!row.maybe_text(column))
    return std::nullopt;
  return row.integer(column);
}

json::value standing_json(const billing::limit_standing& x) {
  if (!x.is_set())
    return nullptr;
  return json::object{
    {"limit", x.limit}, {"remaining", x.remaining}, {"reset_seconds", x.reset_seconds}};
}

const char* unit_of(billing::limit_kind x) {
  switch (x) {
  case billing::limit_kind::requests_per_minute:
    return "requests a minute";
  case billing::limit_kind::tokens_per_minute:
    return "tokens a minute";
  case billing::limit_kind::requests_per_day:
    return "requests a day";
  }
  return "requests";
}

std::int64_t number_of(const billing::request_limits& limits, billing::limit_kind x) {
  switch (x) {
  case billing::limit_kind::requests_per_minute:
    return limits.requests_per_minute.value_or(0);
  case billing::limit_kind::tokens_per_minute:
    return limits.tokens_per_minute.value_or(0);
  case billing::limit_kind::requests_per_day:
    return limits.requests_per_day.value_or(0);
  }
  return 0;
}

/// An item of rate_limit/sync.
json::object sync_item(const end_user_id& id, std::int64_t day, json::value requests) {
  return {{"id", id.value}, {"day", day}, {"requests", std::move(requests)}};
}

caf::error refusal_error(const billing::limit_refusal& x, const billing::request_limits& limits,
                         const billing::limits_standing& standing) {
  json::object details{
    {"limit", std::string{to_string(x.limit)}},
    {"retry_after", x.retry_after_seconds},
    {"rate_limits",
     {{"requests", standing_json(standing.requests)}, {"tokens", standing_json(standing.tokens)}}}};
  return with_details(
    make_problem(errc::rate_limited,
                 fmt::format("This user has reached its limit of {} {}. Try again in {} s.",
                             number_of(limits, x.limit), unit_of(x.limit), x.retry_after_seconds)),
    json::serialize(details));
}

/// Whether rate limits have to do with it.
bool is_counted(const admission& x) {
  return !x.end_user.empty() && (x.counted_requests > 0 || x.counted_tokens > 0);
}

} // namespace

request_limiter::request_limiter(tenant_actor::pointer self, node_parts parts, platform_id platform)
    : self_(self), parts_(std::move(parts)), platform_(std::move(platform)), writer_(uuid4()),
      users_(users_max) {}

billing::moment request_limiter::now() const { return {self_->clock().now(), parts_.unix_time()}; }

bool request_limiter::is_ready_for(const admission& what) const {
  if (!is_counted(what))
    return true;
  auto* x = users_.find(what.end_user);
  return x && x->version == version_;
}

void request_limiter::learn(const admission& what, learner then) {
  auto& id = what.end_user;
  if (!users_.find(id) && !users_.make_room(now()))
    return then(make_problem(errc::over_limit, "Too many users of this platform are active."));
  learners_[id].push_back(std::move(then));
  bool is_asked = asked_ && asked_->version == version_ && asked_->users.contains(id);
  if (!is_asked)
    wanted_.insert(id);
  ask();
}

caf::error request_limiter::count(const admission& what, hold_ticket& ticket) {
  auto* x = users_.find(what.end_user);
  if (!x || !is_counted(what))
    return {};
  touch(what.end_user, *x);
  if (x->rule.limits().none())
    return {};
  auto moment = now();
  billing::counted_use use;
  use.requests = what.counted_requests;
  use.tokens = what.counted_tokens;
  if (use.requests == 0) {
    x->rule.add(use, moment);
  } else if (auto refused = x->rule.take(use, moment)) {
    ++refused_total_;
    return refusal_error(*refused, x->rule.limits(), x->rule.standing(moment));
  }
  ticket.counted = use;
  ticket.limits = x->rule.standing(moment);
  return {};
}

void request_limiter::give_back(const end_user_id& id, const billing::counted_use& counted) {
  auto* x = users_.find(id);
  if (!x || (counted.requests == 0 && counted.tokens == 0))
    return;
  x->rule.give_back(counted, now());
  touch(id, *x);
}

void request_limiter::correct(const settlement& end) {
  if (end.counted_for.empty())
    return;
  if (auto* x = users_.find(end.counted_for))
    x->rule.correct(end.counted, end.input_tokens + end.output_tokens, now());
}

json::object request_limiter::report() const {
  return {{"users", users_.size()}, {"refused_total", refused_total_}};
}

// -- the store ------------------------------------------------------------------

void request_limiter::touch(const end_user_id& id, user& x) {
  if (std::exchange(x.is_pinned, true))
    return;
  touched_.push_back(id);
  arm_timer();
}

void request_limiter::arm_timer() {
  if (std::exchange(timer_armed_, true))
    return;
  self_->delayed_send(self_, store_interval, atom::refresh_v);
}

void request_limiter::tick() {
  timer_armed_ = false;
  auto before = self_->clock().now() - read_again_after;
  std::vector<end_user_id> later;
  for (auto& id : std::exchange(touched_, {})) {
    auto* x = users_.find(id); // pinned, hence here
    if (x->rule.unsaved() || x->read_at <= before) {
      x->is_pinned = false;
      wanted_.insert(std::move(id));
    } else {
      later.push_back(std::move(id));
    }
  }
  touched_ = std::move(later);
  if (!touched_.empty())
    arm_timer();
  ask();
}

void request_limiter::ask() {
  if (asked_ || wanted_.empty())
    return;
  auto moment = now();
  question x;
  x.day = moment.unix_seconds / billing::day_seconds;
  x.version = version_;
  json::array items;
  while (!wanted_.empty() && x.users.size() < statement_users_max) {
    auto id = std::move(wanted_.extract(wanted_.begin()).value());
    auto& requests = x.users[id];
    auto* known = users_.find(id);
    if (known && known->rule.today(moment) == x.day && known->rule.unsaved())
      requests = known->rule.requests_today(moment);
    items.push_back(sync_item(id, x.day, requests ? json::value(*requests) : json::value()));
  }
  asked_ = std::move(x);
  query(
    self_, parts_.store, platform_, "rate_limit/sync",
    {store_value::text(json::serialize(items)), store_value::text(writer_)},
    [this](store_rows& rows) { answered(rows); },
    [this](const caf::error& why) { not_answered(why); });
}

void request_limiter::read(const question& x, const store_row& row) {
  end_user_id id{row.text("end_user_id")};
  auto moment = now();
  bool is_new = !users_.find(id);
  auto& rule = users_.at(id).rule;
  rule.set({limit_of(row, "rpm_limit"), limit_of(row, "tpm_limit"), limit_of(row, "rpd_limit")});
  rule.note_others(x.day, row.integer("others"), moment);
  if (is_new)
    rule.restore(x.day, row.integer("mine"), moment);
  if (auto stored = x.users.find(id); stored != x.users.end() && stored->second)
    rule.saved(x.day, *stored->second);
}

void request_limiter::answered(const store_rows& rows) {
  auto x = std::move(*asked_);
  asked_.reset();
  for (std::size_t i = 0; i < rows.size(); ++i)
    read(x, store_row{rows, i});
  for (auto& [id, requests] : x.users) {
    // Who is not in the answer is no user any more; whatever it wants fails without us.
    auto& known = users_.at(id);
    known.version = x.version;
    known.read_at = self_->clock().now();
    // Who came after a change waits for the next answer.
    if (!wanted_.contains(id))
      wake(id, {});
  }
  ask();
}

void request_limiter::not_answered(const caf::error& why) {
  auto x = std::move(*asked_);
  asked_.reset();
  for (auto& [id, requests] : x.users) {
    if (auto* known = users_.find(id))
      touch(id, *known); // what it has to store goes with a later one
    wake(id, why);
  }
  ask();
}

void request_limiter::wake(const end_user_id& id, const caf::error& problem) {
  auto waiting = learners_.extract(id);
  if (waiting.empty())
    return;
  for (auto& then : waiting.mapped())
    then(problem);
}

void request_limiter::close() {
  auto moment = now();
  auto day = moment.unix_seconds / billing::day_seconds;
  json::array items;
  auto send = [&] {
    if (items.empty())
      return;
    query(
      self_, parts_.store, platform_, "rate_limit/sync",
      {store_value::text(json::serialize(std::exchange(items, {}))), store_value::text(writer_)},
      [](store_rows&) {}, [](const caf::error&) {});
  };
  users_.for_each([&](const end_user_id& id, user& x) {
    if (x.rule.today(moment) != day || !x.rule.unsaved())
      return;
    items.push_back(sync_item(id, day, x.rule.requests_today(moment)));
    if (items.size() == statement_users_max)
      send();
  });
  send();
}

} // namespace callboard
