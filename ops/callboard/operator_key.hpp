#pragma once

#include <filesystem>
#include <string>

#include "core/base/error.hpp"

namespace callboard {

/// Where the operator key of a data folder is: `operator.key` in it.
std::filesystem::path operator_key_file(const std::filesystem::path& data_dir);

/// The key that opens /inspect of the ops listener; made with mode 0600 when there is none yet.
/// errc::bad_setting with a plain sentence when it can be neither read nor made, or when others may
/// read it.
result<std::string> load_operator_key(const std::filesystem::path& data_dir);

/// Only reads a key file; errc::bad_setting like load_operator_key.
result<std::string> read_operator_key(const std::filesystem::path& file);

} // namespace callboard
