#include "actors/answer_keeper.hpp"

#include "actors/answer_headers.hpp"

#include <atomic>

#include <caf/send.hpp>

#include "actors/crash_point.hpp"
#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/base/idempotency.hpp"
#include "core/base/limits.hpp"

namespace callboard {
namespace {

using milliseconds = std::chrono::milliseconds;

/// Passes a stream on as it comes and takes a copy; a whole answer goes to the keeper.
class keeping_sink final : public reply_sink {
public:
  keeping_sink(http_call_ptr call, answer_keeper_actor keeper, std::shared_ptr<keyed_answer> answer)
      : call_(std::move(call)), keeper_(std::move(keeper)), answer_(std::move(answer)) {}

  ~keeping_sink() override {
    if (!ended_)
      caf::anon_send(keeper_, atom::drop_v);
  }

  void finish(reply answer) override {
    answer_->given = std::move(answer);
    answer_->whole = answer_->given.body.size() <= limits::kept_answer_bytes_max;
    end();
  }

  void start_stream(int status, http_headers headers) override {
    answer_->streamed = true;
    answer_->given = {status, headers, {}};
    call_->sink->start_stream(status, std::move(headers));
  }

  bool send(std::string piece) override {
    auto& body = answer_->given.body;
    answer_->whole = answer_->whole && body.size() + piece.size() <= limits::kept_answer_bytes_max;
    if (answer_->whole)
      body += piece;
    call_->sink->send(std::move(piece)); // whether or not the client is still there
    return true;
  }

  void end_stream(bool clean) override {
    answer_->clean = clean;
    end();
  }

  void set_final(bool is_final) override { answer_->final = is_final; }

  void on_closed(std::function<void()>) override {}

private:
  void end() {
    ended_ = true;
    caf::anon_send(keeper_, atom::done_v);
  }

  http_call_ptr call_;
  answer_keeper_actor keeper_;
  std::shared_ptr<keyed_answer> answer_;
  std::atomic<bool> ended_{false};
};

json::array pairs_of(const http_headers& headers) {
  json::array pairs;
  for (auto& x : headers) {
    json::array pair;
    pair.emplace_back(x.name);
    pair.emplace_back(x.value);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

http_headers headers_of(const std::string& pairs) {
  http_headers headers;
  auto parsed = json::parse(pairs);
  for (auto& x : parsed.as_array())
    headers.push_back({to_std(x.at(0).as_string()), to_std(x.at(1).as_string())});
  return headers;
}

/// The same request, answering through the keeper.
void run(call_self self, const call_rule& rule, std::string operation, std::string attempt,
         std::string loop) {
  auto& state = self->state;
  auto answer = std::make_shared<keyed_answer>();
  auto keyed = std::make_shared<http_call>(*state.call);
  keyed->idempotency = operation;
  keyed->keyed_loop = {std::move(loop)};
  answer_keeper_args args{state.parts,          state.who.platform, state.call,
                          std::move(operation), std::move(attempt), answer};
  keyed->sink =
    std::make_shared<keeping_sink>(state.call, self->spawn(answer_keeper, std::move(args)), answer);
  state.call = std::move(keyed);
  rule.handle(self);
}

void answer_again(call_self self, const store_row& row) {
  auto headers = headers_of(row.text("answer_headers"));
  std::erase_if(headers, [](const http_header& x) { return iequals(x.name, balance_header); });
  headers.push_back({std::string{idempotency::replayed_header}, "true"});
  self->state.finish(static_cast<int>(row.integer("answer_status")), row.text("secret"),
                     std::move(headers));
}

} // namespace

void answer_keeper_state::keep() {
  auto& given = args.answer->given;
  bool is_final = args.answer->final.value_or(idempotency::ends_operation(given.status));
  if (!args.answer->clean || !args.answer->whole || !is_final)
    return release();
  crash_point("before_keep");
  query(
    self, args.parts.store, args.platform, "idempotency/finish",
    {store_value::text(args.operation), store_value::text(args.attempt),
     store_value::integer(given.status),
     store_value::text(json::serialize(pairs_of(given.headers))),
     store_value::secret(given.body, args.operation)},
    [this](store_rows&) {
      crash_point("after_keep");
      deliver();
    },
    [this](const caf::error& x) {
      // What the answer tells of is durable by itself; only its wording is not kept.
      args.parts.metrics->log_problem(args.call->id, x);
      release();
    });
}

void answer_keeper_state::release() {
  query(
    self, args.parts.store, args.platform, "idempotency/release",
    {store_value::text(args.operation), store_value::text(args.attempt)},
    [this](store_rows&) { deliver(); },
    [this](const caf::error& x) {
      args.parts.metrics->log_problem(args.call->id, x); // the claim runs out by itself
      deliver();
    },
    true);
}

void answer_keeper_state::renew() {
  self->delayed_send(self, limits::kept_answer_renewal, atom::tick_v);
  query(
    self, args.parts.store, args.platform, "idempotency/renew",
    {store_value::text(args.operation), store_value::text(args.attempt),
     store_value::integer(milliseconds{limits::kept_answer_lease}.count())},
    [](store_rows&) {},
    [this](const caf::error& x) { args.parts.metrics->log_problem(args.call->id, x); });
}

void answer_keeper_state::deliver() {
  auto& sink = *args.call->sink;
  if (args.answer->streamed)
    sink.end_stream(args.answer->clean);
  else if (args.answer->given.status != 0)
    sink.finish(std::move(args.answer->given));
  self->quit(); // without an answer the client's sink says that something broke
}

answer_keeper_actor::behavior_type
answer_keeper(answer_keeper_actor::stateful_pointer<answer_keeper_state> self,
              answer_keeper_args args) {
  self->state.args = std::move(args);
  self->delayed_send(self, limits::kept_answer_renewal, atom::tick_v);
  return {
    [self](atom::done) { self->state.keep(); },
    [self](atom::drop) {
      self->state.args.answer->clean = false;
      if (!self->state.args.answer->streamed)
        self->state.args.answer->given.status = 0;
      self->state.release();
    },
    [self](atom::tick) { self->state.renew(); },
  };
}

void run_once(call_self self, const call_rule& rule, const std::string& key) {
  auto& state = self->state;
  auto& call = *state.call;
  // Ids in a path may be written in upper case.
  auto place = call.method + ' ' + to_lower(call.path);
  auto operation = idempotency::operation_of({state.who.platform, state.who.end_user, place}, key);
  auto attempt = uuid4();
  auto& settings = *state.parts.settings;
  state.claiming = true;
  query(
    self, state.parts.store, state.who.platform, "idempotency/begin",
    {store_value::text(operation),
     store_value::bytes(sha256(place + '?' + call.query + '\n' + call.body)),
     store_value::text(attempt), store_value::text(settings.node_name),
     store_value::integer(milliseconds{limits::kept_answer_lease}.count()),
     store_value::integer(milliseconds{limits::kept_answer_ttl}.count()),
     store_value::boolean(settings.owns_database), store_value::text(uuid5(operation, "loop")),
     store_value::integer(milliseconds{limits::kept_result_ttl}.count())},
    [self, &rule, operation, attempt](store_rows& rows) {
      auto& st = self->state;
      store_row row{rows, 0};
      auto code = rows.empty() ? std::string{} : row.text("code");
      if (code == "new" || code == "again")
        return run(self, rule, operation, attempt, row.text("loop_id"));
      if (code == "done")
        return answer_again(self, row);
      if (code == "mismatch")
        return st.fail(idempotency::another_request());
      st.fail(still_running());
    },
    [self, operation, attempt](const caf::error& problem) {
      auto& st = self->state;
      // It may be claimed all the same, by nobody who works on it. Not from the journal, which
      // refused requests would fill: the claim runs out by itself.
      query(
        self, st.parts.store, st.who.platform, "idempotency/release",
        {store_value::text(operation), store_value::text(attempt)}, [](store_rows&) {},
        [](const caf::error&) {});
      st.fail(problem);
    });
}

} // namespace callboard
