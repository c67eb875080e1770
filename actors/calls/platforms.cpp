#include "actors/calls/rate_limit_fields.hpp"
#include "actors/calls/table.hpp"
#include "actors/look_up.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"

namespace callboard::calls {
namespace {

constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t description_bytes_max = 500;
/// A markup beyond tenfold is a typing mistake.
constexpr micro_usd markup_percent_max{1'000'000'000};

/// What PATCH may say in `settings`; a platform reads money in dollars and the markup in percent.
struct settings_fields {
  store_value markup_ppm;
  store_value strict;
  store_value free_calls;
  store_value default_budget;
  store_value default_model;
  store_value default_rate_limits;
};

/// The three limits as the store takes them; all are replaced.
store_value read_default_limits(const json::object& given, field_reader& outer) {
  field_reader fields{given};
  auto limits = read_rate_limits(fields);
  if (fields.problem())
    outer.refuse("default_rate_limits." + param_of(fields.problem()), message_of(fields.problem()));
  auto number = [](const std::optional<std::int64_t>& x) {
    return x ? json::value(*x) : json::value(nullptr);
  };
  return store_value::text(json::serialize(json::object{{"rpm_limit", number(limits.rpm)},
                                                        {"tpm_limit", number(limits.tpm)},
                                                        {"rpd_limit", number(limits.rpd)}}));
}

/// A percentage has the form of an amount; 20 percent are 200,000 ppm, and there is nothing below
/// one ppm.
store_value read_markup(field_reader& fields, const json::object& given) {
  auto* x = find(given, "markup_percentage");
  if (!x || x->is_null())
    return store_value::null();
  auto percent = usd_from_json(*x);
  if (percent && percent->value >= 0 && *percent <= markup_percent_max && percent->value % 100 == 0)
    return store_value::integer(percent->value / 100);
  fields.refuse("markup_percentage",
                "'markup_percentage' must be a percentage from 0 to 1000 with at most four "
                "decimals.");
  return store_value::null();
}

settings_fields read_settings(field_reader& outer) {
  settings_fields x;
  auto* object = outer.object("settings");
  if (!object)
    return x;
  field_reader fields{*object};
  x.markup_ppm = read_markup(fields, *object);
  if (auto strict = fields.boolean("strict"))
    x.strict = store_value::boolean(*strict);
  if (auto free_calls = fields.integer("free_calls_per_month", -1, 1'000'000'000))
    x.free_calls = store_value::integer(*free_calls);
  if (auto budget = fields.usd("default_budget_usd", {0}, money_max))
    x.default_budget = store_value::integer(budget->value);
  if (auto model = fields.text("default_model", 0, 200))
    x.default_model = store_value::text(*model);
  if (auto* given = fields.object("default_rate_limits"))
    x.default_rate_limits = read_default_limits(*given, fields);
  if (fields.problem())
    outer.refuse("settings." + param_of(fields.problem()), message_of(fields.problem()));
  return x;
}

} // namespace

void platform_get(call_self self) { self->state.answer_with("platform/find", {}); }

void platform_patch(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto name = fields.text("name", 1, name_bytes_max);
  auto slug = fields.text("slug", 1, name_bytes_max);
  auto settings = read_settings(fields);
  if (fields.problem())
    return state.fail(fields.problem());
  std::vector<store_value> values{store_value::text(name),
                                  store_value::text(slug),
                                  settings.markup_ppm,
                                  settings.strict,
                                  settings.free_calls,
                                  settings.default_budget,
                                  settings.default_model,
                                  store_value::null(),
                                  store_value::text(state.who.key.value),
                                  settings.default_rate_limits};
  auto* inner = find_object(*body, "settings");
  allow_tools(self, inner ? *inner : json::object{}, "platform/allow", {}, [self, values] {
    self->state.run("platform/update", values, [self](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(make_problem(errc::not_found, "The platform is gone."));
      announce_rate_limits(
        self, [self, text = store_row{rows, 0}.text("body")] { self->state.finish(200, text); });
    });
  });
}

void platform_delete(call_self self) {
  auto& state = self->state;
  state.run("platform/delete", {store_value::text(state.who.key.value)}, [self](store_rows&) {
    forget_keys(self, self->state.parts);
    self->state.finish(204, std::string{});
  });
}

void wallet_get(call_self self) { self->state.answer_with("wallet/show", {}); }

void wallet_topup(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto amount = fields.required_usd("amount", {1}, money_max);
  auto description = fields.text("description", 1, description_bytes_max);
  if (fields.problem())
    return state.fail(fields.problem());
  bool keyed = !state.call->idempotency.empty();
  state.run(
    "wallet/topup",
    {store_value::integer(amount.value), store_value::text(description), operation_of(state),
     keyed ? store_value::bytes(sha256(json::serialize(*body))) : store_value::null()},
    [self](store_rows& rows) {
      store_row row{rows, 0};
      auto code = rows.empty() ? std::string{} : row.text("code");
      if (code == "ok" || code == "exists")
        return self->state.finish(201, row.text("body"));
      if (code == "mismatch")
        return self->state.fail(make_problem(errc::idempotency_mismatch,
                                             "This Idempotency-Key was used for another top-up.",
                                             "Idempotency-Key"));
      self->state.fail(make_problem(errc::not_found, "The platform has no wallet."));
    });
}

void wallet_transactions(call_self self) { self->state.answer_page("wallet/transactions", {}); }

void usage_get(call_self self) {
  self->state.answer_with("usage/show", {store_value::integer(limits::free_calls_per_month)});
}

void logs_list(call_self self) {
  auto& state = self->state;
  state.answer_page("log/list", {store_value::text(state.query_field("model")),
                                 store_value::text(state.query_field("end_user_id"))});
}

} // namespace callboard::calls
