#include "ops/callboard/sandbox/sandbox.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "core/base/json.hpp"

using namespace callboard;
using namespace callboard::sandbox;

namespace {

/// Only catches hangs.
constexpr int wait_seconds = 20;

/// The command in a process of its own, as a script runs it.
struct serve_fixture {
  serve_fixture() {
    auto name = (std::filesystem::temp_directory_path() / "callboard-sandbox-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
  }

  ~serve_fixture() {
    if (child > 0)
      stop(SIGKILL);
    std::filesystem::remove_all(folder);
  }

  /// Starts it and returns the line that it prints when ready.
  json::object start() {
    int ends[2];
    BOOST_REQUIRE(pipe(ends) == 0);
    // What the test framework has not written yet would be written by the child as well.
    std::cout.flush();
    child = fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      sandbox_settings settings;
      settings.listen = "127.0.0.1:0";
      settings.state_file = (folder / "state.json").string();
      _exit(run_sandbox_command(settings));
    }
    close(ends[1]);
    std::string line;
    char c = 0;
    while (line.size() < 10'000 && read(ends[0], &c, 1) == 1 && c != '\n')
      line += c;
    close(ends[0]);
    auto ready = parse_json_object(line);
    BOOST_REQUIRE_MESSAGE(ready, line);
    const auto url = find_string(*ready, "url").value_or("");
    port = std::stoi(url.substr(url.rfind(':') + 1));
    return *ready;
  }

  int stop(int signal) {
    kill(child, signal);
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// Sends a request and reads until the connection ends or `wanted` has come.
  std::string ask(const std::string& head, const std::string& body = {},
                  const std::string& wanted = {}) const {
    const int file = socket(AF_INET, SOCK_STREAM, 0);
    const timeval limit{wait_seconds, 0};
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(connect(file, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    const auto text = head
                      + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nUser-Agent: t\r\n"
                        "Authorization: Bearer sandbox-octocat\r\nContent-Length: "
                      + std::to_string(body.size()) + "\r\n\r\n" + body;
    BOOST_REQUIRE(send(file, text.data(), text.size(), MSG_NOSIGNAL)
                  == static_cast<ssize_t>(text.size()));
    std::string all;
    std::array<char, 65536> bytes{};
    for (;;) {
      const auto count = recv(file, bytes.data(), bytes.size(), 0);
      BOOST_REQUIRE_MESSAGE(count >= 0, "no answer in time");
      all.append(bytes.data(), static_cast<std::size_t>(count));
      if (count == 0 || (!wanted.empty() && all.find(wanted) != std::string::npos))
        break;
    }
    close(file);
    return all;
  }

  std::string complete(const std::string& model) const {
    return ask("POST /model/v1/chat/completions",
               R"({"model":")" + model
                 + R"(","stream":true,"messages":[{"role":"user","content":"hello"}]})");
  }

  std::filesystem::path folder;
  pid_t child = 0;
  int port = 0;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(serve_test, serve_fixture)

BOOST_AUTO_TEST_CASE(it_tells_its_addresses_and_keeps_its_state) {
  const auto ready = start();
  BOOST_TEST(find_bool(ready, "ready").value_or(false));
  BOOST_TEST(find_string(*find_object(ready, "model"), "base_url").value()
             == "http://127.0.0.1:" + std::to_string(port) + "/model/v1");
  const std::string issues = "/github/api/repos/octocat/hello-world/issues";
  BOOST_TEST(has(ask("POST " + issues, R"({"title":"kept"})"), "201 Created"));
  BOOST_TEST(stop(SIGTERM) == 0);
  start();
  BOOST_TEST(has(ask("GET " + issues + "/1"), R"("title":"kept")"));
  BOOST_TEST(stop(SIGINT) == 0);
}

BOOST_AUTO_TEST_CASE(streams_end_or_break_as_their_script_says) {
  start();
  const auto whole = complete("sandbox-echo");
  BOOST_TEST(has(whole, "data: [DONE]"));
  BOOST_TEST(whole.ends_with("\r\n0\r\n\r\n"));
  const auto broken = complete("sandbox-die");
  BOOST_TEST(has(broken, "data: {"));
  BOOST_TEST(!broken.ends_with("0\r\n\r\n"));
  BOOST_TEST(has(complete("sandbox-slow:1"), "data: [DONE]"));
  // More than a listener queues for one client.
  BOOST_TEST(has(complete("sandbox-long:200000"), "data: [DONE]"));
}

BOOST_AUTO_TEST_CASE(faults_reach_the_wire) {
  start();
  const std::string fault = "POST /_control/fault";
  ask(fault, R"({"match":"GET */user","kind":"close"})");
  const auto cut = ask("GET /github/api/user");
  BOOST_TEST(has(cut, "200 OK"));
  BOOST_TEST(!cut.ends_with("0\r\n\r\n"));
  ask(fault, R"({"match":"GET */user","kind":"slow","delay_ms":2})");
  BOOST_TEST(ask("GET /github/api/user").ends_with("0\r\n\r\n"));
  ask(fault, R"({"match":"GET */user","kind":"huge","bytes":3000000})");
  BOOST_TEST(ask("GET /github/api/user").size() > 3'000'000u);
  ask(fault, R"({"match":"GET */user","status":503,"delay_ms":10,"headers":{"Retry-After":"3"}})");
  const auto late = ask("GET /github/api/user");
  BOOST_TEST(has(late, "503 Service Unavailable"));
  BOOST_TEST(has(late, "Retry-After: 3"));
}

BOOST_AUTO_TEST_CASE(it_ends_although_answers_are_held_back) {
  start();
  // The first bytes have come, and no more will.
  ask("POST /model/v1/chat/completions",
      R"({"model":"sandbox-stall","stream":true,"messages":[{"role":"user","content":"hello"}]})",
      "data: {");
  ask("POST /_control/fault", R"({"match":"GET */user","kind":"delay","delay_ms":3600000})");
  BOOST_TEST(stop(SIGTERM) == 0);
}

BOOST_AUTO_TEST_CASE(wrong_settings_are_told_at_once) {
  for (const char* bad : {"", "x", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:99999",
                          "127.0.0.1:8a", "not-an-address:0"}) {
    sandbox_settings settings;
    settings.listen = bad;
    BOOST_TEST(run_sandbox_command(settings) == 2, bad);
  }
  sandbox_settings settings;
  settings.listen = "127.0.0.1:0";
  settings.clients = {"no-secret"};
  BOOST_TEST(run_sandbox_command(settings) == 2);
}

BOOST_AUTO_TEST_CASE(the_command_line_fills_the_settings) {
  CLI::App root;
  sandbox_settings settings;
  auto* command = add_sandbox_command(root, settings);
  root.parse("sandbox --listen 127.0.0.1:0 --client a:b --client c:d --model-key k "
             "--state-file s.json");
  BOOST_TEST(command->parsed());
  BOOST_TEST(settings.listen == "127.0.0.1:0");
  BOOST_TEST(settings.clients.size() == 2u);
  BOOST_TEST(settings.model_key == "k");
  BOOST_TEST(settings.state_file == "s.json");
}

BOOST_AUTO_TEST_SUITE_END()
