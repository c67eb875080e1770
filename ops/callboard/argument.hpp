#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/api_key.hpp"
#include "core/base/error.hpp"
#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "core/base/money.hpp"
#include "storage/store.hpp"

namespace callboard {

// Reading the arguments of subcommands. Every problem is errc::invalid_field with one sentence that
// names the flag.

/// Who the audit says has changed something.
inline constexpr const char* cli_actor = "cli";

/// A UUID; lower case comes out.
result<std::string> uuid_argument(std::string_view flag, const std::string& text);

/// US dollars, at least `min`.
result<micro_usd> usd_argument(std::string_view flag, const std::string& text, micro_usd min);

/// Text of `min` to `max` characters; control characters are refused.
result<std::string> text_argument(std::string_view flag, const std::string& text, std::size_t min,
                                  std::size_t max);

/// A secret from a file, or from standard input for "-": one line, its end cut off.
result<std::string> secret_argument(std::string_view flag, const std::string& file);

/// The first characters of a key, by which people recognise it in lists.
std::string shown_prefix(const api_key& key);

/// A platform as the database has it.
struct platform_row {
  platform_id id;
  /// As the API shows it.
  json::object body;
};

/// The platform that `--platform` names, from the database; errc::not_found when there is none.
result<platform_row> find_platform(store& db, const std::string& text);

/// errc::invalid_field.
caf::error bad_argument(std::string why);

} // namespace callboard
