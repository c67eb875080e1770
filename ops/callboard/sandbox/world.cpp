#include "ops/callboard/sandbox/world.hpp"

#include <utility>

#include "ops/callboard/sandbox/github.hpp"
#include "ops/callboard/sandbox/model.hpp"
#include "ops/callboard/sandbox/webhook_sink.hpp"

namespace callboard::sandbox {

namespace {

constexpr std::string_view control_slug = "_control";

std::vector<std::unique_ptr<app>> make_apps(std::vector<oauth_client> clients,
                                            const sandbox_settings& settings) {
  std::vector<std::unique_ptr<app>> apps;
  apps.push_back(std::make_unique<github>(std::move(clients)));
  apps.push_back(std::make_unique<model>(settings.model_key));
  apps.push_back(std::make_unique<webhook_sink>());
  return apps;
}

answer control_problem(int status, const caf::error& why) {
  return json_answer(status, json::object{{"message", message_of(why)}, {"param", param_of(why)}});
}

answer done() { return json_answer(200, json::object{{"ok", true}}); }

} // namespace

world::world(std::vector<std::unique_ptr<app>> apps) : apps_(std::move(apps)) {}

result<std::unique_ptr<world>> world::make(const sandbox_settings& settings) {
  std::vector<oauth_client> clients;
  for (const auto& text : settings.clients) {
    const auto colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
      return make_problem(errc::bad_setting, "A client must be given as id:secret.", "client");
    clients.push_back({text.substr(0, colon), text.substr(colon + 1)});
  }
  if (clients.empty())
    clients.push_back({"sandbox-client", "sandbox-secret"});
  return std::unique_ptr<world>{new world{make_apps(std::move(clients), settings)}};
}

answer world::handle(const wire_request& wire, std::int64_t now) {
  auto x = parse_request(wire, now);
  if (!x)
    return control_problem(400, x.error());
  std::lock_guard guard{mutex_};
  if (!x->segments.empty() && x->segments.front() == control_slug) {
    x->segments.erase(x->segments.begin());
    return control(*x);
  }
  auto out = route(wire, *x);
  journal_.add(wire, now, out.status);
  return out;
}

answer world::route(const wire_request& wire, const request& x) {
  auto* owner = x.segments.empty() ? nullptr : find_app(x.segments.front());
  auto inner = x;
  if (owner != nullptr)
    inner.segments.erase(inner.segments.begin());
  const auto act = [&]() -> answer {
    if (owner == nullptr)
      return json_answer(404, json::object{{"message", "The sandbox has no such app."}});
    // Only a damaged state file can make an app stumble over its own state.
    try {
      return owner->handle(inner);
    } catch (const std::exception& e) {
      return json_answer(500, json::object{{"message", std::string{"Sandbox: "} + e.what()}});
    }
  };
  if (auto hit = faults_.take(wire.method, x.path))
    return spoil(*hit, owner, inner, act);
  return act();
}

answer world::control(const request& x) {
  const auto what = x.segments.empty() ? std::string{} : x.segments.front();
  const auto line = x.method + ' ' + what;
  if (line == "GET ") {
    json::object all;
    for (const auto& one : apps_)
      all[one->slug()] = one->endpoints(x.base_url);
    return json_answer(200, all);
  }
  if (line == "GET requests")
    return json_answer(200, journal_.list(find_field(x.query, "match").value_or("*"),
                                          find_field(x.query, "secrets").has_value()));
  if (line == "GET state")
    return json_answer(200, save_all());
  if (line == "GET fault")
    return json_answer(200, faults_.describe_all());
  if (line == "DELETE fault") {
    faults_.clear();
    return done();
  }
  if (line == "POST fault") {
    auto body = parse_json_object(x.body);
    if (!body)
      return control_problem(400, body.error());
    auto wanted = parse_fault(*body);
    if (!wanted)
      return control_problem(400, wanted.error());
    auto id = faults_.add(std::move(*wanted));
    return id ? json_answer(200, json::object{{"id", *id}}) : control_problem(429, id.error());
  }
  if (line == "POST configure" && x.segments.size() == 2)
    return configure(x);
  if (line == "POST reset")
    return reset(x);
  return json_answer(404, json::object{{"message", "There is no such control."}});
}

answer world::configure(const request& x) {
  auto* owner = find_app(x.segments[1]);
  if (owner == nullptr)
    return json_answer(404, json::object{{"message", "The sandbox has no such app."}});
  auto body = parse_json_object(x.body);
  if (!body)
    return control_problem(400, body.error());
  auto ok = owner->configure(*body);
  return ok ? done() : control_problem(400, ok.error());
}

answer world::reset(const request& x) {
  std::string only = "all";
  if (!x.body.empty()) {
    auto body = parse_json_object(x.body);
    if (!body)
      return control_problem(400, body.error());
    only = find_string(*body, "only").value_or("all");
  }
  if (only != "all" && only != "faults" && only != "journal" && only != "state")
    return json_answer(400, json::object{{"message", "There is no such part."}, {"param", "only"}});
  if (only == "all" || only == "faults")
    faults_.clear();
  if (only == "all" || only == "journal")
    journal_.clear();
  if (only == "all" || only == "state")
    for (const auto& one : apps_)
      one->reset();
  return done();
}

app* world::find_app(std::string_view slug) const {
  for (const auto& one : apps_)
    if (one->slug() == slug)
      return one.get();
  return nullptr;
}

json::object world::endpoints(std::string_view base_url) const {
  std::lock_guard guard{mutex_};
  json::object all;
  for (const auto& one : apps_)
    all[one->slug()] = one->endpoints(base_url);
  return all;
}

json::object world::save_all() const {
  json::object all;
  for (const auto& one : apps_)
    all[one->slug()] = one->save();
  return all;
}

json::object world::save() const {
  std::lock_guard guard{mutex_};
  return save_all();
}

result<bool> world::load(const json::object& saved) {
  std::lock_guard guard{mutex_};
  for (const auto& one : apps_)
    if (const auto* state = find_object(saved, one->slug()))
      if (auto ok = one->load(*state); !ok)
        return ok.error();
  return true;
}

} // namespace callboard::sandbox
