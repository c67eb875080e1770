#pragma once

#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/responses/item.hpp"
#include "core/responses/request.hpp"

namespace callboard::responses {

/// What a later request with `previous_response_id` needs, beside the Response object itself. Keep
/// both as JSON: `input` is also the answer of `GET /v1/responses/{id}/input_items`.
///
/// The input of a stored response: the whole conversation before it (`history`, made by
/// history_of; empty without previous_response_id) and the request's own items, each with an id.
/// Instructions are not part of it, they are not carried over. Nothing secret is in it (I74).
json::array stored_input(const json::array& history, const request& x,
                         std::string_view response_id);

/// The conversation after a stored response, as items: its input and its output without
/// mcp_list_tools, reasoning and calls that were never answered (C24). Function calls stay: the
/// next request brings their outputs.
json::array history_of(const json::array& stored_input, const json::array& output);

/// The same as the model reads it, for loop_args::history. errc::internal when what was stored is
/// damaged.
result<conversation> load_history(const json::array& history);

} // namespace callboard::responses
