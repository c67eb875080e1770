#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "core/base/json.hpp"
#include "ops/callboard/sandbox/world.hpp"

namespace callboard::sandbox {

/// A world without sockets, whose time stands still until a test moves it.
struct sandbox_fixture {
  sandbox_fixture() { start({}); }

  void start(const sandbox_settings& settings) {
    auto made = world::make(settings);
    BOOST_REQUIRE(made);
    outside = std::move(*made);
  }

  answer ask(std::string method, std::string target, std::string body = {},
             http_headers headers = {}) {
    headers.push_back({"Host", "sandbox.test"});
    wire_request wire;
    wire.method = std::move(method);
    wire.target = std::move(target);
    wire.headers = std::move(headers);
    wire.body = std::move(body);
    return outside->handle(wire, now);
  }

  /// A REST call to GitHub with a token; an empty token sends none.
  answer github(std::string method, const std::string& path, const json::value& body = nullptr,
                const std::string& token = "sandbox-octocat", http_headers headers = {}) {
    headers.push_back({"User-Agent", "test"});
    if (!token.empty())
      headers.push_back({"Authorization", "Bearer " + token});
    return ask(std::move(method), "/github/api" + path,
               body.is_null() ? std::string{} : json::serialize(body), std::move(headers));
  }

  /// A fault for requests to come.
  void break_with(const json::object& fault) {
    BOOST_REQUIRE_EQUAL(ask("POST", "/_control/fault", json::serialize(fault)).status, 200);
  }

  /// A token of that user with these scopes, over the whole OAuth flow.
  std::string connect(const std::string& login, const std::string& scope) {
    const auto back = ask("GET", "/github/login/oauth/authorize?client_id=sandbox-client&"
                                 "redirect_uri=http%3A%2F%2Fhere%2F&auto=approve&login="
                                   + login + "&scope=" + scope);
    const auto code = location_field(back, "code");
    const auto got = ask("POST", "/github/login/oauth/access_token",
                         "client_id=sandbox-client&client_secret=sandbox-secret&code=" + code,
                         {{"Accept", "application/json"}});
    return text(got, "access_token");
  }

  static json::value value(const answer& x) {
    auto parsed = parse_json(body_of(x));
    BOOST_REQUIRE_MESSAGE(parsed, "no JSON: " << body_of(x));
    return *parsed;
  }

  static json::object object(const answer& x) {
    auto parsed = value(x);
    BOOST_REQUIRE(parsed.is_object());
    return parsed.as_object();
  }

  /// A string member of the body.
  static std::string text(const answer& x, std::string_view name) {
    const auto found = find_string(object(x), name);
    BOOST_REQUIRE_MESSAGE(found, "no " << name << " in " << body_of(x));
    return *found;
  }

  /// The value at a JSON pointer of the body.
  static json::value at(const answer& x, std::string_view pointer) {
    const auto whole = value(x);
    boost::system::error_code failed;
    const auto* found = whole.find_pointer(pointer, failed);
    BOOST_REQUIRE_MESSAGE(found, "no " << pointer << " in " << body_of(x));
    return *found;
  }

  /// The array at a JSON pointer of the body.
  static json::array list(const answer& x, std::string_view pointer) {
    return at(x, pointer).as_array();
  }

  static std::string header(const answer& x, std::string_view name) {
    return std::string{find_header(x.headers, name).value_or("")};
  }

  /// A query field of the Location header, or an empty string.
  static std::string location_field(const answer& x, std::string_view name) {
    const auto location = header(x, "Location");
    const auto fields = parse_form(location.substr(location.find('?') + 1));
    BOOST_REQUIRE(fields);
    return find_field(*fields, name).value_or("");
  }

  std::unique_ptr<world> outside;
  std::int64_t now = 1'800'000'000;
};

} // namespace callboard::sandbox
