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

/// An answer that comes so close to the end of its asker's patience may be too late on arrival.
constexpr auto late_margin = std::chrono::milliseconds{500};

} // namespace

caf::result<hold_ticket> tenant_state::admit(admission what) {
  if (admissions.size() >= limits::lane_queue_max)
    return make_problem(errc::over_limit, "Too many requests of this platform are waiting.");
  auto promise = self->make_response_promise<hold_ticket>();
  auto x = std::make_shared<candidate>(
    candidate{std::move(what), admissions.add(promise), self->clock().now(), {}});
  if (rates->is_ready_for(x->what))
    count_then_admit(x);
  else
    rates->learn(x->what, [this, x](const caf::error& problem) {
      if (problem)
        admissions.deliver(x->promise, problem);
      else
        count_then_admit(x);
    });
  return promise;
}

void tenant_state::count_then_admit(const candidate_ptr& x) {
  hold_ticket noted;
  if (auto refusal = rates->count(x->what, noted))
    return admissions.deliver(x->promise, refusal);
  if (noted.counted.requests > 0 || noted.counted.tokens > 0)
    x->counted = std::make_shared<count>(count{x->what.end_user, noted});
  if (x->what.kind == hold_kind::llm)
    place(x, {});
  else
    price_then_admit(x);
}

void tenant_state::price_then_admit(const candidate_ptr& x) {
  auto& tool = x->what.subject;
  auto key = tool + '\n' + x->what.app; // two servers may have a tool of that name
  if (auto i = tool_prices.find(key);
      i != tool_prices.end() && self->clock().now() < i->second.fresh_until) {
    return admit_at(x, i->second);
  }
  query(
    self, args.parts.store, {}, "tool_price/find",
    {store_value::text(tool), store_value::text(x->what.app)},
    [this, x, key](store_rows& rows) {
      if (rows.empty()) // never silently free (I22, I24)
        return answer(x,
                      make_problem(errc::internal, "the tool has no price, not even a global one"));
      store_row row{rows, 0};
      if (tool_prices.size() >= price_entries_max)
        tool_prices.clear();
      auto& price = tool_prices[key];
      price = {{row.integer("price")}, row.text("price_id"), self->clock().now() + price_fresh_for};
      admit_at(x, price);
    },
    [this, x](caf::error why) { answer(x, std::move(why)); });
}

void tenant_state::admit_at(const candidate_ptr& x, const cached_price& price) {
  x->what.amount = price.amount;
  place(x, price.id);
}

void tenant_state::place(const candidate_ptr& x, const std::string& price_id) {
  money->admit(x->what, price_id,
               [this, x](result<hold_ticket> ticket) { answer(x, std::move(ticket)); });
}

void tenant_state::answer(const candidate_ptr& x, result<hold_ticket> ticket) {
  bool is_late = self->clock().now() - x->at >= limits::money_timeout - late_margin;
  // A keyed one that existed belongs to another try.
  bool is_ours = ticket && (ticket->existed == 0 || (ticket->existed == 'P' && !x->what.durable));
  if (ticket && is_late) {
    constexpr auto why = "The database took too long.";
    if (is_ours)
      money->undo(*ticket, why);
    ticket = make_problem(errc::timeout, why);
  }
  // Nothing happens for what was refused, and what happened before was counted before.
  bool happens = ticket && is_ours;
  if (x->counted && !happens) {
    rates->give_back(x->counted->user, x->counted->noted.counted);
  } else if (x->counted) {
    ticket->counted = x->counted->noted.counted;
    ticket->limits = x->counted->noted.limits;
  }
  admissions.deliver(x->promise, std::move(ticket));
}

caf::result<receipt> tenant_state::settle(const settlement& what) {
  rates->correct(what);
  auto promise = self->make_response_promise<receipt>();
  money->settle(what, [this, number = settlements.add(promise)](result<receipt> paid) {
    settlements.deliver(number, std::move(paid));
  });
  return promise;
}

caf::result<bool> tenant_state::free_up(const end_user_id& user) {
  auto promise = self->make_response_promise<bool>();
  money->free_up(user,
                 [this, number = returns.add(promise)](bool any) { returns.deliver(number, any); });
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
  returns.refuse_all(why);
  model_questions.refuse_all(why);
}

tenant_actor::behavior_type tenant(tenant_actor::stateful_pointer<tenant_state> self,
                                   tenant_args args) {
  auto& state = self->state;
  state.args = std::move(args);
  state.money = std::make_unique<wallet_writer>(self, state.args.parts, state.args.platform);
  state.rates = std::make_unique<request_limiter>(self, state.args.parts, state.args.platform);
  state.seen = {"tenant", state.args.platform.value, self->clock().now()};
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    self->state.money->close();
    self->state.rates->close();
    self->state.refuse_all(ending());
    self->quit(msg.reason);
  });
  return {
    [self](atom::admit, admission& what) {
      self->state.seen.note("admit");
      return self->state.admit(std::move(what));
    },
    [self](atom::settle, const settlement& what) {
      self->state.seen.note("settle");
      return self->state.settle(what);
    },
    [self](atom::model, const std::string& slug) {
      self->state.seen.note("model");
      return self->state.find_model(slug);
    },
    [self](atom::drop, const end_user_id& user) {
      self->state.seen.note("drop");
      return self->state.free_up(user);
    },
    [self](atom::drop) { self->state.rates->forget(); },
    [self](atom::refresh) { self->state.rates->tick(); },
    [self](atom::run) { self->state.money->look_again(); },
    [self](atom::tick) { self->state.money->tick(); },
    [self](atom::status) {
      auto report = self->state.money->report();
      report["rate_limits"] = self->state.rates->report();
      return self->state.seen.report(self, std::move(report));
    },
  };
}

} // namespace callboard
