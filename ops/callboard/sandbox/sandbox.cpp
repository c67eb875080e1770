#include "ops/callboard/sandbox/sandbox.hpp"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <utility>

#include "http/edge/listener.hpp"
#include "ops/callboard/sandbox/timetable.hpp"
#include "ops/callboard/sandbox/world.hpp"

namespace callboard::sandbox {

namespace {

constexpr int exit_bad_setting = 2;
/// A file in a repository may have a megabyte, and comes in base64 inside of JSON.
constexpr std::size_t body_bytes_max = 16u * 1024 * 1024;
/// Longer than every pause that a fault may ask for (one hour), or it would cut the pause short.
constexpr std::chrono::milliseconds handler_timeout{2 * 3'600'000};

std::int64_t seconds_now() { return static_cast<std::int64_t>(std::time(nullptr)); }

result<listener_settings> parse_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  listener_settings out;
  const auto digits =
    colon == std::string::npos ? std::string_view{} : std::string_view{text}.substr(colon + 1);
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (digits.empty() || end.ec != std::errc{} || end.ptr != digits.data() + digits.size()
      || colon == 0)
    return make_problem(errc::bad_setting, "It must be ADDRESS:PORT.", "listen");
  out.address = text.substr(0, colon);
  if (out.address.size() > 2 && out.address.front() == '[' && out.address.back() == ']')
    out.address = out.address.substr(1, out.address.size() - 2);
  out.body_bytes_max = body_bytes_max;
  out.handler_timeout = handler_timeout;
  return out;
}

result<bool> load_state(world& all, const std::string& file) {
  if (file.empty() || !std::filesystem::exists(file))
    return true;
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  const auto saved = parse_json_object(text.str());
  if (!in || !saved)
    return make_problem(errc::bad_setting, "The state file cannot be read.", "state_file");
  return all.load(*saved);
}

/// Through a second file, so that a crash leaves the old state.
bool save_state(const world& all, const std::string& file) {
  if (file.empty())
    return true;
  const auto fresh = file + ".new";
  {
    std::ofstream out{fresh, std::ios::binary | std::ios::trunc};
    out << json::serialize(all.save()) << '\n';
    if (!out.flush())
      return false;
  }
  std::error_code failed;
  std::filesystem::rename(fresh, file, failed);
  return !failed;
}

/// Blocks SIGTERM and SIGINT for this thread and those it starts, and waits for one of them.
class end_signal {
public:
  end_signal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }

  ~end_signal() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  end_signal(const end_signal&) = delete;
  end_signal& operator=(const end_signal&) = delete;

  void wait() const {
    int signal = 0;
    while (sigwait(&signals_, &signal) != 0)
      continue;
  }

private:
  sigset_t signals_{};
  sigset_t before_{};
};

/// Whoever starts the process may read what callers of the API may not (message_of).
int refuse(const caf::error& why) {
  const auto& text = why.context();
  std::cerr << "callboard sandbox: " << param_of(why) << ": "
            << (text.size() > 0 && text.match_element<std::string>(0) ? text.get_as<std::string>(0)
                                                                      : "?")
            << '\n';
  return exit_bad_setting;
}

void announce(const world& all, const listener_settings& at, std::uint16_t port) {
  const bool bracket = at.address.find(':') != std::string::npos;
  const auto host = bracket ? '[' + at.address + ']' : at.address;
  const auto url = "http://" + host + ':' + std::to_string(port);
  auto line = all.endpoints(url);
  line["ready"] = true;
  line["url"] = url;
  line["control"] = url + "/_control";
  std::cout << json::serialize(line) << std::endl;
}

} // namespace

CLI::App* add_sandbox_command(CLI::App& root, sandbox_settings& settings) {
  auto* command = root.add_subcommand(
    "sandbox", "A local stand-in for the outside world: GitHub, and a model that follows a script");
  command->add_option("--listen", settings.listen, "ADDRESS:PORT; port 0 lets the system choose")
    ->envname("CALLBOARD_SANDBOX_LISTEN")
    ->capture_default_str();
  command
    ->add_option("--client", settings.clients,
                 "OAuth client as id:secret, repeatable (sandbox-client:sandbox-secret)")
    ->envname("CALLBOARD_SANDBOX_CLIENT");
  command->add_option("--model-key", settings.model_key, "Bearer key that the model asks for (any)")
    ->envname("CALLBOARD_SANDBOX_MODEL_KEY");
  command
    ->add_option("--state-file", settings.state_file,
                 "JSON file that keeps the state between runs (none)")
    ->envname("CALLBOARD_SANDBOX_STATE_FILE");
  return command;
}

int run_sandbox_command(const sandbox_settings& settings) {
  auto at = parse_listen(settings.listen);
  if (!at)
    return refuse(at.error());
  auto made = world::make(settings);
  if (!made)
    return refuse(made.error());
  auto& all = **made;
  if (auto ok = load_state(all, settings.state_file); !ok)
    return refuse(ok.error());
  const end_signal stop;
  timetable times;
  const later_function later = [&times](auto pause, auto work) {
    times.later(pause, std::move(work));
  };
  auto server = listener::start(*at, [&all, later](wire_request wire, reply_sink_ptr sink) {
    perform(all.handle(wire, seconds_now()), std::move(sink), later);
  });
  if (!server)
    return refuse(server.error());
  announce(all, *at, (*server)->port());
  stop.wait();
  (*server)->stop();
  if (!save_state(all, settings.state_file)) {
    std::cerr << "callboard sandbox: the state file cannot be written\n";
    return 1;
  }
  return 0;
}

} // namespace callboard::sandbox
