target_sources(callboard_core PRIVATE
  connectors/absolute_url.cpp
  connectors/app_reader.cpp
  connectors/argument_schema.cpp
  connectors/arguments.cpp
  connectors/catalogue.cpp
  connectors/description_reader.cpp
  connectors/json_path.cpp
  connectors/landing.cpp
  connectors/oauth.cpp
  connectors/provider_error.cpp
  connectors/render.cpp
  connectors/request_reader.cpp
  connectors/request_renderer.cpp
  connectors/server_address.cpp
  connectors/shape.cpp
  connectors/text_pattern.cpp
  connectors/text_template.cpp
  connectors/tool_reader.cpp
  connectors/transform.cpp
  connectors/url_template.cpp
  connectors/utf8.cpp)
# GCC 12 warns about std::function inside of std::regex when a sanitizer is on (GCC bug 105562).
if(CALLBOARD_SANITIZE)
  set_source_files_properties(connectors/argument_schema.cpp PROPERTIES COMPILE_OPTIONS
    -Wno-maybe-uninitialized)
endif()
