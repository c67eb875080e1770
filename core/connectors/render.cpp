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
  auto first = x.render();
  if (!first)
    return first.error();
  x.request_ = std::move(*first);
  render_input trial{x.owner(), x.arguments_, x.fields_, {}, nullptr};
  for (std::size_t step = 1; step <= x.item().before.size(); ++step)
    if (auto later = render_request(x.request_of(step), trial); !later)
      return later.error();
  return x;
}

const request_template& call_plan::request_of(std::size_t step) const {
  auto& before = item().before;
  return step < before.size() ? before[step].request : item().request;
}

result<http_request> call_plan::render() const {
  return render_request(current(), {owner(), arguments_, fields_, access_token_, &answers_});
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
  auto origin = origin_of(request_.url);
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
    request_.url = std::move(*target);
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
  auto next = render();
  if (!next)
    return next.error();
  request_ = std::move(*next);
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

void call_plan::use_token(std::string access_token) {
  access_token_ = std::move(access_token);
  // The token is in the headers only, and the place may be one that a redirect named.
  if (auto anew = render())
    request_.headers = std::move(anew->headers);
}

bool call_plan::request_is_safe() const { return current().method == "GET"; }

} // namespace callboard::connectors
