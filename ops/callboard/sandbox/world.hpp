#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ops/callboard/sandbox/app.hpp"
#include "ops/callboard/sandbox/fault.hpp"
#include "ops/callboard/sandbox/journal.hpp"
#include "ops/callboard/sandbox/sandbox.hpp"

namespace callboard::sandbox {

/// The outside world: its apps, and under /_control what a test wants to know and to break:
///
///   GET    /_control                     the addresses of everything
///   GET    /_control/requests            the journal; ?match=PATTERN, ?secrets=1
///   POST   /_control/fault               a fault for requests to come (fault.hpp)
///   GET    /_control/fault, DELETE       the faults that wait; forgets them
///   POST   /_control/configure/{slug}    switches of an app (see the class of the app)
///   GET    /_control/state               the state of every app
///   POST   /_control/reset               everything anew; {"only":"faults"|"journal"|"state"}
///
/// Thread-safe.
class world {
public:
  /// errc::bad_setting when a client is not "id:secret".
  static result<std::unique_ptr<world>> make(const sandbox_settings& settings);

  /// What to do with a request at that time (seconds since 1970).
  answer handle(const wire_request& wire, std::int64_t now);

  /// The addresses of every app, by slug.
  json::object endpoints(std::string_view base_url) const;

  /// The state of every app, by slug.
  json::object save() const;

  /// Takes back what save() gave. errc::bad_setting when it is something else.
  result<bool> load(const json::object& saved);

private:
  explicit world(std::vector<std::unique_ptr<app>> apps);

  answer route(const wire_request& wire, const request& x);
  answer control(const request& x);
  answer configure(const request& x);
  answer reset(const request& x);
  app* find_app(std::string_view slug) const;
  json::object save_all() const;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<app>> apps_;
  fault_list faults_;
  journal journal_;
};

} // namespace callboard::sandbox
