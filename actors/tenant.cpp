#include "actors/tenant.hpp"

#include <fmt/format.h>

#include "actors/store_query.hpp"
#include "core/base/digest.hpp"

namespace callboard {
namespace {

/// Prices may be changed while the node runs (I24); a change is seen after that long.
constexpr auto price_fresh_for = std::chrono::seconds{1};

/// Prices and models kept; each is a few hundred bytes.
constexpr std::size_t price_entries_max = 1000;

/// Open holds listed for operators; what is beyond is placed all the same.
constexpr std::size_t listed_holds_max = 10'000;

std::string_view to_string(hold_kind kind) { return kind == hold_kind::llm ? "llm" : "mcp"; }

store_value unless_empty(const std::string& x) {
  return x.empty() ? store_value::null() : store_value::text(x);
}

/// The refusals of wallet/reserve as errors for callers.
caf::error refusal(std::string_view code) {
  if (code == "insufficient")
    return make_problem(errc::wallet_insufficient,
                        "The platform's wallet has nothing left. Top it up and try again.");
  if (code == "over_budget")
    return make_problem(errc::budget_exhausted, "The end user's budget is used up.");
  if (code == "suspended")
    return make_problem(errc::budget_suspended, "The end user's budget is suspended.");
  if (code == "mismatch")
    return make_problem(errc::idempotency_mismatch, "This id was used before for another request.");
  if (code == "max_iterations")
    return make_problem(errc::max_iterations_exceeded,
                        "The loop has used all its model invocations.");
  if (code == "fenced")
    return make_problem(errc::fenced, "Another node has taken over. Try again.");
  if (code == "no_wallet")
    return make_problem(errc::not_found, "The platform has no wallet.");
  return make_problem(errc::internal, fmt::format("wallet/reserve answered '{}'", code));
}

} // namespace

caf::result<hold_ticket> tenant_state::admit(const admission& what) {
  if (admissions.size() >= limits::lane_queue_max)
    return make_problem(errc::over_limit, "Too many requests of this platform are waiting.");
  auto promise = self->make_response_promise<hold_ticket>();
  auto hold = std::make_shared<pending>();
  hold->what = what;
  hold->promise = admissions.add(promise);
  if (epoch == 0)
    acquire_then([this, hold](const caf::error& problem) {
      if (problem)
        refuse(hold, problem);
      else
        price_then_reserve(hold);
    });
  else
    price_then_reserve(hold);
  return promise;
}

void tenant_state::refuse(const pending_ptr& hold, caf::error why) {
  admissions.deliver(hold->promise, std::move(why));
}

void tenant_state::acquire_then(std::function<void(caf::error)> next) {
  waiting_for_epoch.push_back(std::move(next));
  if (waiting_for_epoch.size() > 1)
    return;
  auto fresh = uuid4();
  query(
    self, args.parts.store, args.platform, "wallet/acquire",
    {store_value::text(args.parts.settings->node_name), store_value::text(fresh)},
    [this, fresh](store_rows& rows) {
      if (rows.empty())
        return acquired(make_problem(errc::not_found, "The platform has no wallet."));
      epoch = store_row{rows, 0}.integer("epoch");
      token = fresh;
      acquired({});
    },
    [this](const caf::error& x) { acquired(x); });
}

void tenant_state::acquired(const caf::error& problem) {
  for (auto& next : std::exchange(waiting_for_epoch, {}))
    next(problem);
}

void tenant_state::price_then_reserve(const pending_ptr& hold) {
  if (hold->what.kind == hold_kind::llm)
    return reserve(hold);
  auto& tool = hold->what.subject;
  if (auto i = tool_prices.find(tool);
      i != tool_prices.end() && self->clock().now() < i->second.fresh_until) {
    return priced(hold, i->second);
  }
  query(
    self, args.parts.store, {}, "tool_price/find",
    {store_value::text(tool), store_value::text(hold->what.app)},
    [this, hold](store_rows& rows) {
      if (rows.empty()) // never silently free (I22, I24)
        return refuse(hold,
                      make_problem(errc::internal, "the tool has no price, not even a global one"));
      store_row row{rows, 0};
      if (tool_prices.size() >= price_entries_max)
        tool_prices.clear();
      auto& price = tool_prices[hold->what.subject];
      price = {{row.integer("price")}, row.text("price_id"), self->clock().now() + price_fresh_for};
      priced(hold, price);
    },
    [this, hold](caf::error x) { refuse(hold, std::move(x)); });
}

void tenant_state::priced(const pending_ptr& hold, const cached_price& price) {
  hold->what.amount = price.amount;
  hold->price_id = price.id;
  reserve(hold);
}

void tenant_state::reserve(const pending_ptr& hold) {
  auto& what = hold->what;
  hold->epoch = epoch;
  query(
    self, args.parts.store, args.platform, "wallet/reserve",
    {store_value::integer(epoch), store_value::text(token), store_value::text(what.id.value),
     store_value::bytes(what.request_hash), store_value::text(std::string{to_string(what.kind)}),
     store_value::integer(what.amount.value), store_value::integer(what.ttl.count()),
     unless_empty(what.end_user.value), store_value::text(what.subject),
     store_value::text(what.request.value), unless_empty(what.loop.value),
     what.loop.empty() ? store_value::null() : store_value::integer(what.turn),
     what.loop.empty() ? store_value::null() : store_value::integer(what.turns_max),
     unless_empty(hold->price_id), store_value::integer(limits::free_calls_per_month)},
    [this, hold](store_rows& rows) {
      if (rows.empty())
        return refuse(hold, make_problem(errc::internal, "wallet/reserve answered no row"));
      reserved(hold, store_row{rows, 0});
    },
    [this, hold](caf::error x) { refuse(hold, std::move(x)); });
}

void tenant_state::reserved(const pending_ptr& hold, const store_row& row) {
  auto code = row.text("code");
  bool existed = code == "exists";
  if (code == "ok" || code == "free" || existed) {
    ++admitted_total;
    auto status = row.text("status");
    hold_ticket ticket{hold->what.id,
                       row.boolean("free"),
                       {row.integer("amount")},
                       existed && !status.empty() ? status.front() : '\0'};
    if (open_holds.size() < listed_holds_max)
      open_holds[ticket.id] = ticket.amount;
    return admissions.deliver(hold->promise, ticket);
  }
  if (code == "fenced" && hold->may_retry) {
    hold->may_retry = false;
    if (hold->epoch == epoch) // nobody has acquired again since
      epoch = 0;
    if (epoch != 0)
      return reserve(hold);
    return acquire_then([this, hold](const caf::error& problem) {
      if (problem)
        refuse(hold, problem);
      else
        reserve(hold);
    });
  }
  ++refused_total;
  refuse(hold, refusal(code));
}

caf::result<micro_usd> tenant_state::settle(const settlement& what) {
  auto promise = self->make_response_promise<micro_usd>();
  auto number = settlements.add(promise);
  auto actual = what.charge ? what.actual : micro_usd{};
  json::object log{{"input_tokens", what.input_tokens},   {"cached_tokens", what.cached_tokens},
                   {"output_tokens", what.output_tokens}, {"estimated", what.estimated},
                   {"latency_ms", what.latency_ms},       {"status", what.status},
                   {"error_message", what.error_message}, {"request_type", what.request_type}};
  query(
    self, args.parts.store, args.platform, "wallet/resolve",
    {store_value::text(what.id.value), store_value::text(std::string{what.charge ? "S" : "V"}),
     store_value::integer(actual.value), store_value::text(json::serialize(log))},
    [this, number, id = what.id, actual](store_rows& rows) {
      open_holds.erase(id);
      // No row: the call waits in the lane's journal, so the amount is ours.
      settlements.deliver(number,
                          rows.empty() ? actual : micro_usd{store_row{rows, 0}.integer("charged")});
    },
    [this, number](caf::error x) { settlements.deliver(number, std::move(x)); }, true);
  return promise;
}

caf::result<model_info> tenant_state::find_model(const std::string& slug) {
  if (auto i = models.find(slug); i != models.end() && self->clock().now() < i->second.fresh_until)
    return i->second.info;
  auto promise = self->make_response_promise<model_info>();
  auto number = model_questions.add(promise);
  // The platform's own settings first: its surcharge, and the default for an empty slug.
  query(
    self, args.parts.store, args.platform, "platform/find", {},
    [this, slug, number](store_rows& rows) {
      auto markup = rows.empty() ? 0 : store_row{rows, 0}.integer("markup_ppm");
      if (slug.empty())
        find_default_model(markup, number);
      else
        load_model(slug, slug, markup, number);
    },
    [this, number](caf::error x) { model_questions.deliver(number, std::move(x)); });
  return promise;
}

void tenant_state::find_default_model(std::int64_t markup_ppm,
                                      promise_book<model_info>::number promise) {
  query(
    self, args.parts.store, {}, "model/default", {store_value::text(args.platform.value)},
    [this, markup_ppm, promise](store_rows& rows) {
      if (rows.empty())
        return model_questions.deliver(
          promise, make_problem(errc::invalid_field,
                                "The model is empty and no default model is set.", "model"));
      load_model({}, store_row{rows, 0}.text("slug"), markup_ppm, promise);
    },
    [this, promise](caf::error x) { model_questions.deliver(promise, std::move(x)); });
}

void tenant_state::load_model(const std::string& asked, const std::string& slug,
                              std::int64_t markup_ppm, promise_book<model_info>::number promise) {
  query(
    self, args.parts.store, {}, "model/find", {store_value::text(slug)},
    [this, asked, slug, markup_ppm, promise](store_rows& rows) {
      if (rows.empty())
        return model_questions.deliver(
          promise,
          make_problem(errc::model_not_found, "The model '" + slug + "' does not exist.", "model"));
      store_row row{rows, 0};
      model_info info{slug,
                      row.text("base_url"),
                      row.text("provider_model"),
                      row.text("secret"),
                      {{row.integer("input_price")},
                       {row.integer("cached_price")},
                       {row.integer("output_price")}},
                      row.integer("output_tokens_max"),
                      markup_ppm};
      if (models.size() >= price_entries_max)
        models.clear();
      models[asked] = {info, self->clock().now() + price_fresh_for};
      model_questions.deliver(promise, std::move(info));
    },
    [this, promise](caf::error x) { model_questions.deliver(promise, std::move(x)); });
}

void tenant_state::refuse_all(const caf::error& why) {
  admissions.refuse_all(why);
  settlements.refuse_all(why);
  model_questions.refuse_all(why);
}

tenant_actor::behavior_type tenant(tenant_actor::stateful_pointer<tenant_state> self,
                                   tenant_args args) {
  auto& state = self->state;
  state.args = std::move(args);
  state.seen = {"tenant", state.args.platform.value, self->clock().now()};
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    self->state.refuse_all(ending());
    self->quit(msg.reason);
  });
  return {
    [self](atom::admit, const admission& what) {
      self->state.seen.note("admit");
      return self->state.admit(what);
    },
    [self](atom::settle, const settlement& what) {
      self->state.seen.note("settle");
      return self->state.settle(what);
    },
    [self](atom::model, const std::string& slug) {
      self->state.seen.note("model");
      return self->state.find_model(slug);
    },
    [self](atom::status) {
      auto& st = self->state;
      micro_usd held;
      for (auto& [id, amount] : st.open_holds)
        held = held + amount;
      return st.seen.report(self, {{"epoch", st.epoch},
                                   {"open_holds", st.open_holds.size()},
                                   {"held_usd", format_usd(held)},
                                   {"admitted_total", st.admitted_total},
                                   {"refused_total", st.refused_total}});
    },
  };
}

} // namespace callboard
