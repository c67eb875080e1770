#pragma once

#include "core/connectors/catalogue.hpp"
#include "core/connectors/description_reader.hpp"

/// Internal to core/connectors: the part of an app file below /tools.
namespace callboard::connectors {

/// Reads one tool of `owner`, whose other parts are complete. Mistakes go to the reader's list.
tool read_tool(object_reader& reader, const app& owner);

/// What request templates may refer to.
struct request_scope {
  const app& owner;
  const json::object& properties;
  const json::array* required;
  /// Ids of the requests before.
  std::vector<std::string> steps;
  /// Arguments that some binding uses; added to.
  std::vector<std::string>& used_arguments;

  bool has_argument(std::string_view name) const;
  /// Required, or with a default: present whenever a request is rendered.
  bool always_present(std::string_view name) const;
};

/// Reads `method`, `path`, `body` and `bind`.
request_template read_request(object_reader& reader, request_scope& scope);

} // namespace callboard::connectors
