#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "http/edge/listener.hpp"
#include "ops/callboard/sandbox/answer.hpp"

namespace callboard::sandbox {

/// An OAuth client that the apps know.
struct oauth_client {
  std::string id;
  std::string secret;
};

/// A request with its parts taken apart.
struct request {
  std::string method;
  /// Path without query, still percent-encoded: "/github/api/user".
  std::string path;
  /// The decoded segments of the path behind the app's slug: {"api", "user"}. An encoded slash
  /// stays inside of its segment.
  std::vector<std::string> segments;
  std::vector<name_value> query;
  http_headers headers;
  std::string body;
  /// Where the client sees the sandbox, without a slash at the end: "http://127.0.0.1:4010".
  std::string base_url;
  /// Seconds since 1970.
  std::int64_t now = 0;

  /// The value of a header field, or an empty view.
  std::string_view header(std::string_view name) const;

  /// The token of "Authorization: Bearer X" or "token X", or nothing.
  std::optional<std::string> bearer() const;
};

/// Takes a request apart. errc::bad_request when the target is no valid path and query.
result<request> parse_request(const wire_request& wire, std::int64_t now);

/// One service of the outside world, with its state. A new one is a class in a file of its own and
/// a line in make_apps (world.cpp). Not thread-safe: the world calls it under its lock.
class app {
public:
  virtual ~app() = default;

  /// The first segment of its paths: "github".
  virtual std::string_view slug() const = 0;

  /// Answers a request whose path begins with the slug.
  virtual answer handle(const request& x) = 0;

  /// The answer that this service would give in the trouble of that name ("rate_limit"), or nothing
  /// when it knows no such trouble.
  virtual std::optional<answer> trouble(std::string_view kind, const request& x) const = 0;

  /// The addresses that a user of the service needs, by name.
  virtual json::object endpoints(std::string_view base_url) const = 0;

  /// The whole state, or what load() takes back.
  virtual json::object save() const = 0;

  /// Takes back what save() gave. errc::bad_setting, and no change, when it is something else.
  virtual result<bool> load(const json::object& saved) = 0;

  /// Changes what only a test wants to change, such as limits; each app lists its
  /// switches.
  virtual result<bool> configure(const json::object& changes) = 0;

  /// Back to the state of the start.
  virtual void reset() = 0;
};

} // namespace callboard::sandbox
