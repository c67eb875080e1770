#include "actors/calls/rate_limit_fields.hpp"
#include "actors/calls/table.hpp"

namespace callboard::calls {
namespace {

/// Far above what a node can do; what is meant as "no limit" is said with null.
constexpr std::int64_t requests_max = 1'000'000'000;
constexpr std::int64_t tokens_max = 1'000'000'000'000;

store_value number_or_null(const std::optional<std::int64_t>& x) {
  return x ? store_value::integer(*x) : store_value::null();
}

} // namespace

rate_limit_fields read_rate_limits(field_reader& fields) {
  rate_limit_fields x;
  x.rpm = fields.integer("rpm_limit", 1, requests_max);
  x.tpm = fields.integer("tpm_limit", 1, tokens_max);
  x.rpd = fields.integer("rpd_limit", 1, requests_max);
  return x;
}

void rate_limits_get(call_self self) {
  self->state.answer_with("rate_limit/show",
                          {store_value::text(self->state.path_field("end_user_id"))});
}

void rate_limits_put(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto limits = read_rate_limits(fields);
  if (fields.problem())
    return state.fail(fields.problem());
  state.run(
    "rate_limit/set",
    {store_value::text(state.path_field("end_user_id")), number_or_null(limits.rpm),
     number_or_null(limits.tpm), number_or_null(limits.rpd),
     store_value::text(state.who.key.value)},
    [self](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(make_problem(errc::not_found, "There is no such end user."));
      announce_rate_limits(
        self, [self, text = store_row{rows, 0}.text("body")] { self->state.finish(200, text); });
    });
}

void rate_limits_delete(call_self self) {
  auto& state = self->state;
  state.run(
    "rate_limit/delete",
    {store_value::text(state.path_field("end_user_id")), store_value::text(state.who.key.value)},
    [self](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(
          make_problem(errc::not_found, "There is no such end user with limits of its own."));
      announce_rate_limits(self, [self] { self->state.finish(204, std::string{}); });
    });
}

void me_rate_limits(call_self self) {
  self->state.answer_with("rate_limit/show", {store_value::text(self->state.who.end_user.value)});
}

} // namespace callboard::calls
