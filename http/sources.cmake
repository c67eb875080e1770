# Sources of http/, listed by name.
target_sources(callboard_http PRIVATE
  client/blocking_fetch.cpp
  client/fetch_engine.cpp
  client/http_client.cpp
  client/origin_book.cpp
  client/socket_watch.cpp
  client/transfer.cpp
  edge/decorated_sink.cpp
  edge/error_body.cpp
  edge/guard.cpp
  edge/listener.cpp
  edge/origin.cpp
  edge/response_head.cpp
  edge/route_table.cpp
  edge/routes.cpp
  edge/wire_connection.cpp
  edge/wire_sink.cpp)
