#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "ops/callboard/sandbox/app.hpp"

namespace callboard::sandbox {

/// Whether `text` fits `pattern`, in which "*" stands for any characters, none and "/" included.
bool fits(std::string_view pattern, std::string_view text);

/// Something that goes wrong on request. POST /_control/fault takes these members:
///
///   match     "METHOD PATH" without query, "*" for anything: "POST /github/api/repos/*". Required.
///   times     how often, 1; -1 for always
///   skip      how many fitting requests pass unharmed before, 0
///   effect    true: the request is carried out, only its answer is lost or changed; default false
///   delay_ms  pause before the answer, 0
///   kind      "status"   answers `status` (500), `headers` {} and `body` (text, or JSON value)
///             "delay"    nothing but the pause; the real answer follows
///             "hang"     no answer at all
///             "close"    half of the answer, then the connection breaks
///             "huge"     200 with `bytes` (52428800) of JSON string
///             "slow"     the real answer in eight pieces, `delay_ms` before each
///             any other  the trouble of that name of the app: "rate_limit", "bad_credentials", ...
struct fault {
  std::int64_t id = 0;
  std::string match;
  std::int64_t times = 1;
  std::int64_t skip = 0;
  bool effect = false;
  std::chrono::milliseconds delay{0};
  std::string kind = "status";
  int status = 500;
  http_headers headers;
  std::string body;
  std::size_t bytes = 50u * 1024 * 1024;
};

/// Reads a fault. errc::invalid_field names the member at fault.
result<fault> parse_fault(const json::object& x);

/// As parse_fault reads it, with its id and what is left of `times` and `skip`.
json::object describe(const fault& x);

/// The answer to a request that a fault hits. `act` carries the request out; it is called at most
/// once.
answer spoil(const fault& x, const app* owner, const request& in,
             const std::function<answer()>& act);

/// The faults that wait for their request.
class fault_list {
public:
  /// errc::over_limit when there are too many. Returns its id.
  result<std::int64_t> add(fault x);

  /// The oldest fault that hits this request, counted down; nothing when none does.
  std::optional<fault> take(std::string_view method, std::string_view path);

  json::array describe_all() const;

  void clear() { faults_.clear(); }

private:
  std::vector<fault> faults_;
  std::int64_t next_id_ = 1;
};

} // namespace callboard::sandbox
