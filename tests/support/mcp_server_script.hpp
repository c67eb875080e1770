#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "tests/support/http_script.hpp"

namespace callboard {

/// A remote MCP server for tests on the test scheduler: answers the requests that reach its URL in
/// the way of one era. What it is not told to do it does well.
struct mcp_server_script {
  enum class era { session, stateless };

  struct seen_request {
    std::string http_method;
    /// Empty for GET and DELETE.
    std::string method;
    json::object body;
    http_headers headers;
    fetch_id fetch = 0;

    std::string header(std::string_view name) const {
      return std::string{find_header(headers, name).value_or("")};
    }
    const json::object& params() const { return body.at("params").as_object(); }
  };

  /// Gives the answer to one method: the request's id as JSON text, and the request.
  using handler = std::function<scripted_answer(const std::string&, const seen_request&)>;

  /// Takes the requests of that script whose URL begins with `url`.
  static std::shared_ptr<mcp_server_script> install(const std::shared_ptr<http_script>& web,
                                                    era speaks);

  std::optional<scripted_answer> answer(const fetch_request& request);

  /// Requests of a method.
  std::vector<seen_request> of(const std::string& method) const;
  std::size_t count(const std::string& method) const { return of(method).size(); }

  /// JSON texts of a result and of an error answer.
  static std::string result(const std::string& id, const std::string& result);
  static std::string error(const std::string& id, int code, const std::string& message);
  /// A stream with those messages; open when it does not end.
  static scripted_answer events(const std::vector<std::string>& messages, bool ends = true);

  static constexpr const char* url = "https://remote.test/mcp";

  era speaks = era::stateless;
  /// JSON texts of tools.
  std::vector<std::string> tools;
  std::string capabilities = R"({"tools":{"listChanged":true}})";
  std::string session = "session-1";
  std::map<std::string, handler> handlers;
  std::vector<seen_request> requests;
  /// It cannot be reached.
  bool down = false;
};

/// A tool as JSON text.
std::string tool_text(const std::string& name, const std::string& description = "Does it.");

} // namespace callboard
