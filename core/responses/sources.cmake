# Sources of core/responses, listed by name.
target_sources(callboard_core PRIVATE
  responses/chat_completion.cpp
  responses/chat_request.cpp
  responses/chat_stream.cpp
  responses/field_reader.cpp
  responses/item.cpp
  responses/loop.cpp
  responses/output_log.cpp
  responses/request.cpp
  responses/request_tools.cpp
  responses/stored_conversation.cpp
  responses/token_usage.cpp
  responses/wire.cpp)
