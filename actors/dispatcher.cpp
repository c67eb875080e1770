#include "actors/dispatcher.hpp"

#include <map>
#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/webhooks/schedule.hpp"
#include "core/webhooks/signature.hpp"

namespace callboard {
namespace {

/// How soon an event is on its way; the question costs PostgreSQL one look into a small index.
constexpr auto look_interval = std::chrono::milliseconds{500};

/// Attempts under way on this node: slow endpoints shall not take the HTTP client's places.
constexpr std::size_t attempts_max = 64;

/// Attempts under way at one endpoint, which may be a small server.
constexpr std::size_t endpoint_attempts_max = 4;

/// What the HTTP client may take beyond the time limit of an attempt.
constexpr auto client_grace = std::chrono::seconds{5};

/// How long a claim lasts: its secret, an attempt, its record, and some time to spare.
constexpr std::chrono::milliseconds lease =
  webhooks::attempt_timeout + client_grace + limits::store_timeout * 2 + std::chrono::seconds{5};

/// Nobody reads what an endpoint answers; its status counts.
constexpr std::uint64_t answer_bytes_max = 64u * 1024;

/// An array literal of uuids.
template <class Names>
std::string array_of(const Names& names) {
  std::string out = "{";
  for (auto& name : names)
    out += (out.size() > 1 ? "," : "") + name;
  return out + '}';
}

} // namespace

void dispatcher_state::claim() {
  if (claiming || draining || under_way.size() >= attempts_max)
    return;
  claiming = true;
  std::vector<std::string> left_out;
  for (auto& [endpoint, count] : busy)
    left_out.push_back(endpoint);
  auto token = uuid4();
  query(
    self, parts.store, {}, "webhook/claim",
    {store_value::integer(static_cast<std::int64_t>(attempts_max - under_way.size())),
     store_value::integer(static_cast<std::int64_t>(endpoint_attempts_max)),
     store_value::text(array_of(left_out)), store_value::text(token),
     store_value::integer(lease.count())},
    [this, token](store_rows& rows) { claimed(token, rows); },
    [this](const caf::error& x) {
      claiming = false;
      if (code_of(x) != errc::store_unavailable)
        parts.metrics->log_problem({"dispatcher"}, x);
    });
}

void dispatcher_state::claimed(const std::string& token, const store_rows& rows) {
  claiming = false;
  std::map<std::string, std::vector<outgoing>> due;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    store_row row{rows, i};
    attempt x{row.text("delivery_id"), token, row.text("id"), row.integer("attempts"),
              self->clock().now()};
    // A lease of ours ran out while the answer was late: the new claim counts.
    if (under_way.insert_or_assign(x.delivery, x).second)
      ++busy[x.endpoint];
    due[x.endpoint].push_back({x, row.text("url"), row.text("message_id"), row.text("body")});
  }
  more_due = under_way.size() >= attempts_max;
  for (auto& [endpoint, count] : busy)
    more_due |= count >= endpoint_attempts_max;
  for (auto& [endpoint, its] : due)
    open_secret(endpoint, std::move(its));
}

// Asked for one by one: a secret that cannot be opened must not keep others from their events.
void dispatcher_state::open_secret(const std::string& endpoint, std::vector<outgoing> due) {
  auto kept = std::make_shared<std::vector<outgoing>>(std::move(due));
  query(
    self, parts.store, {}, "webhook/secret", {store_value::text(endpoint)},
    [this, kept](store_rows& rows) {
      for (auto& what : *kept)
        if (rows.empty()) // deleted with its deliveries
          recorded(what.x, {});
        else
          send(std::move(what), store_row{rows, 0}.text("secret"));
    },
    [this, kept](const caf::error& why) {
      for (auto& what : *kept)
        if (code_of(why) == errc::seal_broken)
          finished(what.x, 0, to_string(errc::seal_broken));
        else
          recorded(what.x, {}); // The lease runs out and it is claimed again.
    });
}

void dispatcher_state::send(outgoing what, const std::string& secret) {
  auto& x = what.x;
  x.began_at = self->clock().now();
  auto timestamp = parts.unix_time();
  fetch_request fetch;
  fetch.id = make_fetch_id(self->id(), ++fetches);
  fetch.timeout = webhooks::attempt_timeout;
  fetch.body_bytes_max = answer_bytes_max;
  fetch.message.method = "POST";
  fetch.message.url = std::move(what.url);
  fetch.message.headers = {
    {"Content-Type", "application/json"},
    {"User-Agent", "Callboard/" + parts.settings->version},
    {"webhook-id", what.message},
    {"webhook-timestamp", std::to_string(timestamp)},
    {"webhook-signature", webhooks::sign(secret, what.message, timestamp, what.body)}};
  fetch.message.body = std::move(what.body);
  self->request(parts.http, webhooks::attempt_timeout + client_grace, atom::fetch_v, fetch)
    .then([this, x](const http_response& answer) { finished(x, answer.status, {}); },
          [this, x](const caf::error& why) { finished(x, 0, to_string(code_of(why))); });
}

void dispatcher_state::finished(const attempt& x, int status, std::string problem) {
  bool good = webhooks::is_taken(status);
  ++(good ? delivered_total : failed_total);
  parts.metrics->count_webhook_attempt(good);
  if (!good && problem.empty())
    problem = "status_" + std::to_string(status);
  auto next = webhooks::delay_after(x.failed + 1);
  auto took =
    std::chrono::duration_cast<std::chrono::milliseconds>(self->clock().now() - x.began_at);
  auto disable_ms = std::chrono::milliseconds{webhooks::disable_after}.count();
  query(
    self, parts.store, {}, "webhook/record",
    {store_value::text(x.delivery), store_value::text(x.claim), store_value::boolean(good),
     status != 0 ? store_value::integer(status) : store_value::null(),
     good ? store_value::null() : store_value::text(problem), store_value::integer(took.count()),
     !good && next ? store_value::integer(next->count()) : store_value::null(),
     store_value::integer(disable_ms)},
    [this, x](store_rows& rows) {
      recorded(x, rows.empty() ? std::string{} : store_row{rows, 0}.text("code"));
    },
    // The lease runs out and the delivery is sent once more.
    [this, x](const caf::error&) { recorded(x, {}); });
}

void dispatcher_state::recorded(const attempt& x, const std::string& code) {
  if (code == "disabled")
    spdlog::warn("dispatcher webhook={} was switched off, it had failed for days", x.endpoint);
  auto found = under_way.find(x.delivery);
  if (found == under_way.end() || found->second.claim != x.claim)
    return;
  under_way.erase(found);
  auto count = busy.find(x.endpoint);
  if (--count->second > 0)
    return;
  busy.erase(count);
  if (more_due)
    claim();
}

void dispatcher_state::close() {
  std::unordered_set<std::string> claims;
  for (auto& [delivery, x] : under_way)
    claims.insert(x.claim);
  if (!claims.empty())
    caf::anon_send(parts.store.of({}), atom::run_v,
                   store_call{{}, "webhook/release", {store_value::text(array_of(claims))}});
}

json::object dispatcher_state::report() const {
  return {{"under_way", under_way.size()},
          {"endpoints", busy.size()},
          {"delivered_total", delivered_total},
          {"failed_total", failed_total},
          {"draining", draining}};
}

dispatcher_actor::behavior_type
dispatcher(dispatcher_actor::stateful_pointer<dispatcher_state> self, node_parts parts) {
  auto& state = self->state;
  state.parts = std::move(parts);
  state.seen = {"dispatcher", "webhook", self->clock().now()};
  self->send(state.parts.directory, atom::enlist_v, std::string{"dispatcher"},
             std::string{"webhook"}, status_actor{self});
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    self->state.close();
    self->quit(msg.reason);
  });
  self->send(self, atom::tick_v);
  return {
    [self](atom::tick) {
      auto& st = self->state;
      if (st.draining)
        return;
      st.seen.note("tick");
      self->delayed_send(self, look_interval, atom::tick_v);
      st.claim();
    },
    [self](atom::drain) { self->state.draining = true; },
    [self](atom::status) { return self->state.seen.report(self, self->state.report()); },
  };
}

} // namespace callboard
