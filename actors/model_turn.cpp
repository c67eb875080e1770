#include "actors/model_turn.hpp"

#include <algorithm>

#include "actors/crash_point.hpp"
#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/absolute_url.hpp"

namespace callboard {
namespace {

/// Of a refusal's body that much is kept; the rest says nothing more.
constexpr std::size_t refusal_bytes_max = 16u * 1024;

/// Output tokens that a turn is counted with until the real number is known. The bound of a request
/// is no estimate: most name none, and a model's own is many times what it usually answers.
constexpr std::int64_t output_tokens_guess = 1000;

/// Which server it was, without what else its address may say.
std::string host_of(const std::string& url) {
  auto parts = connectors::parse_absolute_url(url);
  return parts ? parts->host : std::string{};
}

bool is_success(int status) { return status >= 200 && status < 300; }

} // namespace

void model_turn::begin(order what, callbacks then) {
  order_ = std::move(what);
  then_ = std::move(then);
  begun_ = noted_ = self_->clock().now();
  admitting_ = true;
  tries_ = 0;
  self_->request(parts_.directory, limits::actor_timeout, atom::tenant_v, who_.platform)
    .then([this](const tenant_actor& found) { admit(found); },
          [this](caf::error& x) { refuse(store_error(std::move(x))); });
}

void model_turn::refuse(const caf::error& why) {
  admitting_ = false;
  then_.admitted(why);
}

void model_turn::admit(const tenant_actor& tenant) {
  tenant_ = tenant;
  admission what;
  what.id = billing::try_hold(billing::turn_hold(loop_, order_.number), tries_);
  what.request_hash = order_.request_hash;
  what.kind = hold_kind::llm;
  what.end_user = who_.end_user;
  what.amount = billing::hold_for(order_.input_tokens_estimate, order_.output_tokens_max,
                                  model_.price, {model_.markup_ppm});
  what.subject = model_.slug;
  what.request = request_;
  what.loop = loop_;
  what.turn = order_.number;
  // Tries of a turn that came to nothing count in PostgreSQL, where the cap is the last resort.
  what.turns_max = order_.numbers_max * (order_.keyed ? limits::keyed_tries_max : 1);
  what.prices = json::serialize(json::object{{"input", model_.price.input_per_million.value},
                                             {"cached", model_.price.cached_per_million.value},
                                             {"output", model_.price.output_per_million.value},
                                             {"markup_ppm", model_.markup_ppm}});
  what.durable = order_.keyed;
  what.by_platform = who_.kind == key_kind::platform;
  what.counted_requests = order_.number == 1 ? 1 : 0;
  what.counted_tokens =
    order_.input_tokens_estimate + std::min(order_.output_tokens_max, output_tokens_guess);
  hold_ = what.id;
  self_->request(tenant_, limits::money_timeout, atom::admit_v, what)
    .then([this](const hold_ticket& ticket) { take_ticket(ticket); },
          [this](caf::error& x) { refuse(store_error(std::move(x))); });
}

void model_turn::take_ticket(const hold_ticket& ticket) {
  bool keyed = order_.keyed;
  limits_ = ticket.limits;
  // Without a key, a pending one is our own: the lane repeats a commit that it is in doubt about.
  if (ticket.existed == 0 || (ticket.existed == 'P' && !keyed)) {
    crash_point("turn_admitted");
    admitting_ = false;
    held_ = true;
    counted_ = ticket.counted;
    then_.admitted({});
    if (held_ && fetching_ == 0)
      invoke();
  } else if (keyed && ticket.existed == 'S') {
    repeat();
  } else if (keyed && ticket.existed == 'P') {
    refuse(still_running());
  } else if (keyed && ++tries_ < limits::keyed_tries_max) {
    admit(tenant_);
  } else {
    refuse(hold_ended(keyed));
  }
}

void model_turn::repeat() {
  query(
    self_, parts_.store, who_.platform, "hold/result", {store_value::text(hold_.value)},
    [this](store_rows& rows) {
      auto gave = rows.empty() ? std::nullopt : store_row{rows, 0}.maybe_text("body");
      // It died with its node in the middle: what it had used is charged, and it is made again.
      bool given_up = !rows.empty() && store_row{rows, 0}.boolean("given_up");
      if (!gave && given_up && ++tries_ < limits::keyed_tries_max)
        return admit(tenant_);
      if (!gave)
        return refuse(make_problem(errc::conflict,
                                   "This turn was made and paid for, but what it gave was lost. "
                                   "Use another Idempotency-Key."));
      admitting_ = false;
      charged_ = charged_ + micro_usd{store_row{rows, 0}.integer("charged")};
      then_.admitted({});
      auto repeated = std::move(then_.repeated); // the next turn replaces then_ meanwhile
      repeated(*gave);
    },
    [this](const caf::error& x) { refuse(x); });
}

void model_turn::invoke() {
  status_ = 0;
  refusal_.clear();
  fetching_ = make_fetch_id(self_->id(), ++fetches_);
  fetch_request fetch;
  fetch.id = fetching_;
  fetch.message.method = "POST";
  fetch.message.url = model_.base_url + "/chat/completions";
  fetch.message.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
  if (!model_.api_key.empty())
    fetch.message.headers.push_back({"Authorization", "Bearer " + model_.api_key});
  fetch.message.body = json::serialize(order_.body);
  fetch.timeout = limits::model_turn_timeout;
  fetch.idle_timeout = limits::model_idle_timeout;
  fetch.body_bytes_max = limits::model_response_bytes_max;
  waits_.begin(self_->clock().now());
  self_->send(parts_.http, atom::stream_v, fetch, fetch_listener_actor{self_});
}

void model_turn::settle(const result_of_turn& outcome,
                        std::function<void(const caf::error&)> done) {
  held_ = false;
  settlement what;
  what.id = hold_;
  what.charge = outcome.charge;
  auto& usage = outcome.usage;
  if (outcome.charge) {
    what.actual = billing::cost_of({usage.input, usage.cached, usage.output}, model_.price,
                                   {model_.markup_ppm});
    what.input_tokens = usage.input;
    what.cached_tokens = usage.cached;
    what.output_tokens = usage.output;
    what.estimated = usage.estimated;
  }
  what.latency_ms =
    std::chrono::duration_cast<std::chrono::milliseconds>(self_->clock().now() - begun_).count();
  what.status = outcome.status;
  what.error_message = outcome.error_message;
  what.request_type = request_type_;
  what.result = outcome.result;
  crash_point("turn_answered");
  what.provider = host_of(model_.base_url);
  what.provider_model = model_.provider_model;
  if (counted_.tokens > 0) {
    what.counted_for = who_.end_user;
    what.counted = std::exchange(counted_, {});
  }
  parts_.metrics->count_turn(model_.slug, outcome.status, usage.input, usage.output);
  self_->request(tenant_, limits::money_timeout, atom::settle_v, what)
    .then(
      [this, done](const receipt& paid) {
        crash_point("turn_settled");
        charged_ = charged_ + paid.charged;
        if (paid.balance_known)
          balance_ = paid.balance;
        done({});
      },
      [this, done](const caf::error& x) {
        parts_.metrics->log_problem(request_, x);
        done(x);
      });
}

void model_turn::cancel() {
  if (fetching_ == 0)
    return;
  waits_.end(self_->clock().now());
  self_->send(parts_.http, atom::cancel_v, std::exchange(fetching_, 0));
}

void model_turn::on_head(fetch_id id, const http_response& head) {
  if (id == fetching_)
    status_ = head.status;
}

void model_turn::on_chunk(fetch_id id, const std::string& bytes) {
  if (id != fetching_)
    return;
  if (is_success(status_)) {
    then_.bytes(bytes);
    note_progress();
  } else if (refusal_.size() < refusal_bytes_max)
    refusal_ += bytes;
}

void model_turn::note_progress() {
  auto now = self_->clock().now();
  if (!held_ || now - noted_ < limits::turn_note_interval)
    return;
  noted_ = now;
  auto usage = then_.usage_so_far();
  auto used =
    billing::cost_of({usage.input, usage.cached, usage.output}, model_.price, {model_.markup_ppm});
  // Without it the sweeper would release what a dead node had used; nobody waits for it.
  query(
    self_, parts_.store, who_.platform, "hold/checkpoint",
    {store_value::text(hold_.value), store_value::integer(used.value), store_value::null(),
     store_value::integer(limits::turn_hold_ttl.count())},
    [](store_rows&) {}, [this](const caf::error& x) { parts_.metrics->log_problem(request_, x); });
}

void model_turn::on_done(fetch_id id, const caf::error& problem) {
  if (id != fetching_)
    return;
  fetching_ = 0;
  waits_.end(self_->clock().now());
  if (!problem && !is_success(status_))
    then_.refused(status_, refusal_);
  else
    then_.ended(problem);
}

} // namespace callboard
