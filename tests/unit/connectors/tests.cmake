list(APPEND unit_sources unit/connectors/arguments_test.cpp unit/connectors/catalogue_test.cpp
  unit/connectors/json_path_test.cpp unit/connectors/landing_test.cpp
  unit/connectors/oauth_test.cpp unit/connectors/render_test.cpp unit/connectors/server_address_test.cpp
  unit/connectors/shape_test.cpp
  unit/connectors/text_pattern_test.cpp unit/connectors/text_template_test.cpp
  unit/connectors/transform_test.cpp
  unit/connectors/url_template_test.cpp unit/connectors/utf8_test.cpp)
