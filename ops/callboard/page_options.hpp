#pragma once

#include <CLI/CLI.hpp>

#include "core/base/fields.hpp"
#include "core/base/json.hpp"
#include "core/base/store_call.hpp"

namespace callboard {

/// Adds `--page` (from 1) and `--limit` (1 to 100). `page` must outlive `app`.
void add_page_options(CLI::App& app, page_request& page);

/// {data,total,page,limit} from the answer of a list statement (I34).
json::object page_of(const store_rows& rows, const page_request& page);

} // namespace callboard
