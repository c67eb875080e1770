#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "core/base/json.hpp"
#include "http/edge/listener.hpp"

namespace callboard::sandbox {

/// What the sandbox was asked, for tests to read.
class journal {
public:
  /// Notes a request and the status of its answer. The oldest entries go first when it is full.
  void add(const wire_request& x, std::int64_t now, int status);

  /// The requests whose "METHOD PATH" fits the pattern (fits() of fault.hpp), oldest first. Without
  /// `secrets`, only the last four characters of an Authorization header are shown.
  json::array list(std::string_view pattern, bool secrets) const;

  void clear();

private:
  struct entry {
    std::int64_t id = 0;
    std::int64_t at = 0;
    int status = 0;
    wire_request request;
  };

  std::deque<entry> entries_;
  std::int64_t next_id_ = 1;
};

} // namespace callboard::sandbox
