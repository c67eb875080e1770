#include "ops/callboard/sandbox/webhook_sink.hpp"

#include <charconv>
#include <cstdlib>

#include "core/webhooks/signature.hpp"

namespace callboard::sandbox {

namespace {

/// Older deliveries of an endpoint are forgotten; no test sends as many.
constexpr std::size_t deliveries_max = 10'000;
/// Endpoints; a name is made by every request to it.
constexpr std::size_t sinks_max = 1'000;
/// What receivers tolerate between their clock and a signature's time.
constexpr std::int64_t age_seconds_max = 300;

constexpr const char* kept_headers[]{"content-type", "user-agent", "webhook-id",
                                     "webhook-timestamp", "webhook-signature"};

bool is_verified(const std::string& secret, const request& x) {
  const auto digits = x.header("webhook-timestamp");
  std::int64_t timestamp = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), timestamp);
  if (digits.empty() || end.ec != std::errc{} || end.ptr != digits.data() + digits.size()
      || std::llabs(x.now - timestamp) > age_seconds_max)
    return false;
  return webhooks::signature_fits(x.header("webhook-signature"), secret, x.header("webhook-id"),
                                  timestamp, x.body);
}

answer plain_status(int status) {
  answer out;
  out.status = status;
  return out;
}

} // namespace

webhook_sink::sink* webhook_sink::find_sink(const std::string& name) {
  if (const auto found = sinks_.find(name); found != sinks_.end())
    return &found->second;
  return sinks_.size() < sinks_max ? &sinks_[name] : nullptr;
}

answer webhook_sink::handle(const request& x) {
  auto* to = x.segments.size() == 1 ? find_sink(x.segments.front()) : nullptr;
  if (to == nullptr)
    return json_answer(404, json::object{{"message", "An endpoint is /webhook/{name}."}});
  if (x.method == "POST")
    return take(*to, x);
  if (x.method != "GET")
    return json_answer(405, json::object{{"message", "POST a delivery or GET what came."}});
  json::array all;
  for (const auto& one : to->deliveries)
    all.push_back(one);
  return json_answer(200, all);
}

answer webhook_sink::take(sink& to, const request& x) {
  int status = 204;
  json::value verified = nullptr;
  if (!to.secret.empty()) {
    const bool good = is_verified(to.secret, x);
    verified = good;
    if (!good)
      status = 401;
  }
  if (to.fail > 0) {
    --to.fail;
    status = to.status;
  }
  json::object headers;
  for (const auto* name : kept_headers)
    headers[name] = x.header(name);
  to.deliveries.push_back({{"at", x.now},
                           {"headers", std::move(headers)},
                           {"body", x.body},
                           {"verified", verified},
                           {"status", status}});
  if (to.deliveries.size() > deliveries_max)
    to.deliveries.pop_front();
  return plain_status(status);
}

std::optional<answer> webhook_sink::trouble(std::string_view kind, const request&) const {
  if (kind == "redirect") {
    auto out = plain_status(302);
    out.headers.push_back({"Location", "/webhook/elsewhere"});
    return out;
  }
  return std::nullopt;
}

json::object webhook_sink::endpoints(std::string_view base_url) const {
  return {{"url", std::string{base_url} + "/webhook/{name}"}};
}

json::object webhook_sink::save() const {
  json::object all;
  for (const auto& [name, one] : sinks_) {
    json::array deliveries;
    for (const auto& x : one.deliveries)
      deliveries.push_back(x);
    all[name] = json::object{{"secret", one.secret},
                             {"fail", one.fail},
                             {"status", one.status},
                             {"deliveries", std::move(deliveries)}};
  }
  return {{"endpoints", std::move(all)}};
}

result<bool> webhook_sink::load(const json::object& saved) {
  const auto bad = [] {
    return make_problem(errc::bad_setting, "The state file is not one of this sandbox.",
                        "state_file");
  };
  const auto* all = find_object(saved, "endpoints");
  if (all == nullptr)
    return bad();
  std::map<std::string, sink> read;
  for (const auto& [name, value] : *all) {
    const auto* object = value.if_object();
    const auto* deliveries = object != nullptr ? find_array(*object, "deliveries") : nullptr;
    if (deliveries == nullptr)
      return bad();
    auto& one = read[std::string{name}];
    one.secret = find_string(*object, "secret").value_or("");
    one.fail = find_integer(*object, "fail").value_or(0);
    one.status = static_cast<int>(find_integer(*object, "status").value_or(500));
    for (const auto& x : *deliveries)
      if (const auto* delivery = x.if_object())
        one.deliveries.push_back(*delivery);
  }
  sinks_ = std::move(read);
  return true;
}

result<bool> webhook_sink::configure(const json::object& changes) {
  const auto name = find_string(changes, "name");
  auto* one = name && !name->empty() ? find_sink(*name) : nullptr;
  if (one == nullptr)
    return make_problem(errc::invalid_field, "'name' must be an endpoint.", "name");
  const auto fail = find_integer(changes, "fail").value_or(one->fail);
  const auto status = find_integer(changes, "status").value_or(one->status);
  if (fail < 0)
    return make_problem(errc::invalid_field, "'fail' must be 0 or more.", "fail");
  if (status < 200 || status > 599)
    return make_problem(errc::invalid_field, "'status' must be an HTTP status.", "status");
  one->fail = fail;
  one->status = static_cast<int>(status);
  one->secret = find_string(changes, "secret").value_or(one->secret);
  return true;
}

void webhook_sink::reset() { sinks_.clear(); }

} // namespace callboard::sandbox
