#include "tests/unit/responses/loop_driver.hpp"

#include <stdexcept>

namespace callboard::responses {
namespace {

constexpr std::int64_t now = 1'700'000'009;

loop_args args_of(std::string_view members, bool stream, std::string_view input) {
  auto body = R"({"model":"m","input":)" + std::string{input} + R"(,"stream":)"
              + (stream ? "true" : "false") + (members.empty() ? "" : ",") + std::string{members}
              + "}";
  loop_args args;
  args.response_id = "resp_0011";
  args.created_at = 1'700'000'000;
  args.model = "m";
  args.request = parse_request(parse_json_object(body).value(),
                               {"http://h", [](std::string_view) { return true; }})
                   .value();
  args.chat.model = "up/m";
  return args;
}

} // namespace

loop_driver::loop_driver(std::string_view members, bool stream, std::string_view input)
    : loop_(args_of(members, stream, input)) {}

std::string loop_driver::tools(const std::vector<std::string>& apps,
                               const std::vector<std::string>& functions) {
  std::string out;
  for (auto& app : apps)
    out += (out.empty() ? "" : ",") + std::string{R"({"type":"mcp","server_label":")"} + app
           + R"(","server_url":"http://h/mcp/)" + app + R"(","authorization":"Bearer sk-eu_1"})";
  for (auto& name : functions)
    out += (out.empty() ? "" : ",") + std::string{R"({"type":"function","name":")"} + name + "\"}";
  return R"("tools":[)" + out + "]";
}

std::vector<mcp_tool> loop_driver::tools_of(const std::string& app) {
  json::object schema;
  schema["type"] = "object";
  return {{app, app + "_a", "d", schema, {}}, {app, app + "_b", "", schema, {}}};
}

void loop_driver::start() { take(loop_.start(now)); }

void loop_driver::start_and_list() {
  start();
  for (std::size_t i = 0; i < lists_.size(); ++i)
    list(i);
}

void loop_driver::list(std::size_t server) {
  take(loop_.tools_listed(server, tools_of(lists_.at(server).label), now));
}

void loop_driver::list_failed(std::size_t server, caf::error problem) {
  take(loop_.tools_failed(server, std::move(problem), now));
}

void loop_driver::text(std::string_view delta, bool refusal) {
  if (!refusal)
    streamed_ += delta;
  take(loop_.text({refusal, std::string{delta}}));
}

void loop_driver::answer(std::string_view text, finish_reason finish) { call({}, text, finish); }

void loop_driver::call(const std::vector<std::string>& calls, std::string_view text,
                       finish_reason finish) {
  turn x;
  x.text = text;
  x.finish = finish;
  x.usage = {10, 2, 5, 1, true, true, false};
  x.usage_final = true;
  for (auto& one : calls) {
    auto equals = one.find('=');
    x.calls.push_back({"call_" + std::to_string(ids_++), one.substr(0, equals),
                       equals == std::string::npos ? "{}" : one.substr(equals + 1)});
  }
  take(loop_.turn_finished(std::move(x), now));
}

void loop_driver::turn_failed(caf::error problem) {
  turn x;
  x.error = std::move(problem);
  take(loop_.turn_finished(std::move(x), now));
}

void loop_driver::outcome(std::size_t i, std::string_view text, bool failed) {
  take(loop_.tool_finished(runs_.at(i).call, {failed, std::string{text}}, now));
}

void loop_driver::stop(caf::error problem) { take(loop_.failed(std::move(problem), now)); }

std::string loop_driver::stream() const {
  auto problem = check_stream(frames_);
  return problem.empty() ? types() : problem;
}

std::string loop_driver::types() const {
  std::string problem;
  auto events = read_frames(frames_, problem);
  return problem.empty() ? events.types() : problem;
}

std::string loop_driver::output() const {
  std::string out;
  for (auto& x : response_.at("output").as_array()) {
    auto& object = x.as_object();
    out += (out.empty() ? "" : " ") + find_string(object, "type").value_or("?");
    if (auto status = find_string(object, "status"))
      out += ':' + *status;
  }
  return out;
}

std::string loop_driver::messages() const {
  return json::serialize(turns_.back().body.at("messages"));
}

void loop_driver::take(effects out) {
  for (auto& x : out) {
    if (succeeded_ || failed_)
      throw std::logic_error("an effect after the end");
    if (auto* frame = std::get_if<emit>(&x)) {
      frames_.push_back(std::move(frame->frame));
    } else if (auto* wanted = std::get_if<list_tools>(&x)) {
      lists_.push_back(*wanted);
    } else if (auto* turn = std::get_if<invoke_model>(&x)) {
      streamed_.clear();
      turns_.push_back(std::move(*turn));
    } else if (auto* run = std::get_if<run_tool>(&x)) {
      runs_.push_back(std::move(*run));
    } else if (auto* good = std::get_if<succeed>(&x)) {
      succeeded_ = true;
      response_ = std::move(good->response);
    } else if (auto* bad = std::get_if<fail>(&x)) {
      failed_ = true;
      problem_ = bad->problem;
      response_ = std::move(bad->response);
    }
  }
}

} // namespace callboard::responses
