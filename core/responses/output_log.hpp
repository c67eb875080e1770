#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/responses/chat_stream.hpp"
#include "core/responses/wire.hpp"

namespace callboard::responses {

/// The output items of a response, in the order in which they are opened, and the events that tell
/// about them (C30, C31). An item's position is its `output_index` for good (I83); at most one item
/// is open at a time. Frames collect in frames() when streaming.
class output_log {
public:
  output_log(std::string_view response_id, bool stream);

  /// Frames that were written since the last call.
  std::vector<std::string> take_frames();

  /// A lifecycle event (`response.created`, ...) with the whole object.
  void lifecycle(std::string_view type, const json::object& response);

  /// The error event, then nothing more than lifecycle("response.failed") and done() follow.
  void error(const caf::error& problem);

  /// `[DONE]`.
  void done();

  // -- mcp_list_tools --

  void open_list(std::string_view label);
  void close_list(const std::vector<mcp_tool>& tools);
  void fail_list(std::string_view text);

  // -- mcp_call --

  void open_call(std::string_view id, std::string_view label, std::string_view name,
                 std::string_view arguments);
  void close_call(std::string_view output);
  void fail_call(std::string_view text);

  // -- function_call, opened and closed at once --

  void add_function_call(const tool_call& call);

  // -- message --

  /// Opens the message, or a part of the other kind, when necessary.
  void add_text(const text_delta& delta);
  /// Opens an empty message when none is open.
  void open_message();
  void close_message(std::string_view status);

  /// Closes whatever is open because the response fails.
  void abandon(std::string_view text);

  bool is_open() const noexcept { return open_ != kind::none; }
  const json::array& items() const noexcept { return items_; }
  id_source& ids() noexcept { return ids_; }

private:
  enum class kind { none, list, call, message };

  void event(std::string_view type, json::object fields);
  void item_event(std::string_view type);
  void open_item(kind as, json::object added);
  void close_item(json::object done);
  void open_part(bool refusal);
  void close_part();
  json::object part_fields() const;
  json::object& current();

  id_source ids_;
  event_writer writer_;
  bool stream_;
  std::vector<std::string> frames_;
  json::array items_;
  kind open_ = kind::none;
  std::string open_id_;
  json::array content_;
  bool part_open_ = false;
  bool part_refusal_ = false;
  std::string part_text_;
  std::string held_back_;
};

} // namespace callboard::responses
