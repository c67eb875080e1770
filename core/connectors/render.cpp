#include "core/connectors/render.hpp"

#include <algorithm>
#include <utility>

#include "core/connectors/absolute_url.hpp"
#include "core/connectors/request_renderer.hpp"

namespace callboard::connectors {
namespace {

/// "https://host:port" of an absolute URL, or nothing.
std::optional<std::string> origin_of(std::string_view url) {
  auto parsed = parse_absolute_url(url);
  if (!parsed || parsed->has_user)
    return std::nullopt;
  return parsed->origin();
}

/// Methods that a redirect of that status keeps: any for 307 and 308, GET for the older ones.
bool redirects(int status, std::string_view method) {
  switch (status) {
  case 307:
  case 308:
    return true;
  case 301:
  case 302:
    return method == "GET";
  default:
    return false;
  }
}

} // namespace

result<call_plan> call_plan::make(tool_ref what, json::object arguments, connection_fields fields,
                                  std::string access_token) {
  call_plan x;
  x.what_ = std::move(what);
  x.arguments_ = std::move(arguments);
  x.fields_ = std::move(fields);
  x.access_token_ = std::move(access_token);
  render_input trial{x.owner(), x.arguments_, x.fields_, {}, nullptr};
  for (auto& step : x.item().before)
    if (auto request = render_request(step.request, trial); !request)
      return request.error();
  if (auto request = render_request(x.item().request, trial); !request)
    return request.error();
  return x;
}

const request_template& call_plan::current() const {
  return in_step() ? item().before[step_].request : item().request;
}

result<http_request> call_plan::request() const {
  auto x = render_request(current(), {owner(), arguments_, fields_, access_token_, &answers_});
  if (x && !redirected_to_.empty())
    x->url = redirected_to_;
  return x;
}

bool call_plan::accepts(const http_response& answer) const {
  auto& accept = item().before[step_].accept;
  return std::find(accept.begin(), accept.end(), answer.status) != accept.end();
}

std::optional<std::string> call_plan::redirect_of(const http_response& answer) const {
  auto location = find_header(answer.headers, "Location");
  if (!location || location->empty() || redirects_ >= redirects_max
      || !redirects(answer.status, current().method))
    return std::nullopt;
  auto sent = request();
  auto origin = sent ? origin_of(sent->url) : std::nullopt;
  if (!origin)
    return std::nullopt;
  // The token goes along, hence never to another origin.
  bool relative = location->starts_with('/') && !location->starts_with("//");
  auto target = relative ? *origin + std::string{*location} : std::string{*location};
  if (origin_of(target) != origin)
    return std::nullopt;
  return target;
}

result<bool> call_plan::advance(const http_response& answer) {
  if (auto target = redirect_of(answer)) {
    redirected_to_ = std::move(*target);
    ++redirects_;
    return true;
  }
  if (!in_step() || !accepts(answer))
    return false;
  json::value value;
  if (!answer.body.empty()) {
    auto parsed = parse_json(answer.body);
    if (!parsed)
      return make_problem(errc::upstream_failed,
                          owner().title + " answered the first step with something unreadable.");
    value = std::move(*parsed);
  }
  answers_.push_back(std::move(value));
  ++step_;
  redirected_to_.clear();
  if (auto next = request(); !next)
    return next.error();
  return true;
}

outcome call_plan::shape(const http_response& answer, std::int64_t now_epoch) const {
  if (redirect_of(answer) || (in_step() && accepts(answer)))
    return {};
  if (in_step())
    return shape_failed_step(owner(), item(), answer, access_token_, now_epoch);
  return shape_answer(owner(), item(), arguments_, answer, access_token_, now_epoch);
}

outcome call_plan::shape_no_answer(const caf::error& why) const {
  return connectors::shape_no_answer(
    owner(), request_is_safe() ? side_effect::none : effect_of(item()), why);
}

void call_plan::use_token(std::string access_token) { access_token_ = std::move(access_token); }

bool call_plan::request_is_safe() const { return current().method == "GET"; }

} // namespace callboard::connectors
