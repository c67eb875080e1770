#include "http/edge/routes.hpp"

#include <boost/test/unit_test.hpp>

#include "core/base/json.hpp"
#include "http/edge/origin.hpp"
#include "tests/http/support/front_fixture.hpp"

using namespace callboard;

namespace {

constexpr std::string_view json_type = "Content-Type: application/json\r\n";

struct api_fixture : front_fixture {
  api_fixture() : front_fixture({edge_side::api, {"http://127.0.0.1:8080"}, true}) {}
};

struct mcp_fixture : front_fixture {
  mcp_fixture() : front_fixture({edge_side::mcp, {"https://mcp.example.com"}, true}) {}
};

void check_error(const raw_response& response, int status, std::string_view code) {
  BOOST_TEST(response.status == status);
  BOOST_TEST(response.header("Content-Type") == "application/json");
  auto body = parse_json(response.body);
  BOOST_REQUIRE(body);
  auto* error = find_object(body->as_object(), "error");
  BOOST_REQUIRE(error);
  BOOST_TEST(find_string(*error, "code").value_or("") == code);
  BOOST_TEST(!find_string(*error, "message").value_or("").empty());
  BOOST_TEST(!find_string(*error, "type").value_or("").empty());
  BOOST_TEST(error->contains("param"));
  BOOST_TEST(find_string(*error, "request_id").value_or("") == response.header("X-Request-Id"));
  BOOST_TEST(response.header("X-Content-Type-Options") == "nosniff");
  BOOST_TEST(response.header("Cache-Control") == "no-store");
}

} // namespace

BOOST_AUTO_TEST_SUITE(routes_test)

BOOST_AUTO_TEST_CASE(every_route_is_found_with_its_parameters) {
  for (auto& line : all_routes()) {
    std::string path;
    std::vector<name_value> expected;
    for (std::size_t at = 0; at < line.pattern.size();) {
      if (line.pattern[at] != '{') {
        path += line.pattern[at++];
        continue;
      }
      auto end = line.pattern.find('}', at);
      expected.emplace_back(line.pattern.substr(at + 1, end - at - 1), "v " + std::to_string(at));
      path += "v%20" + std::to_string(at);
      at = end + 1;
    }
    auto match = find_route(line.side, line.method, path);
    BOOST_TEST_CONTEXT(line.method << " " << line.pattern) {
      BOOST_TEST((match.outcome == route_outcome::found));
      BOOST_REQUIRE(match.line);
      BOOST_TEST((match.line->target == line.target));
      BOOST_TEST((match.fields == expected));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_literal_segment_wins_by_its_own_pattern_only) {
  BOOST_TEST((find_route(edge_side::api, "GET", "/v1/platforms/p/mcp/apps").line->target
              == endpoint::app_list));
  BOOST_TEST(
    (find_route(edge_side::api, "GET", "/v1/%6dodels").line->target == endpoint::models_list));
  auto slash = find_route(edge_side::api, "GET", "/v1/platforms/a%2fb");
  BOOST_TEST((slash.line->target == endpoint::platform_get));
  BOOST_TEST(slash.fields.at(0).second == "a/b");
}

BOOST_AUTO_TEST_CASE(paths_without_route_are_unknown) {
  for (auto path :
       {"", "/", "/v1", "/v1/", "/v1/models/", "//v1/models", "/V1/models", "/v1/platforms/",
        "/v1/platforms//wallet", "/v1/../healthz", "/metrics", "/mcp/github",
        "/.well-known/oauth-authorization-server", "*", "/a/b/c/d/e/f/g/h/i/j/k/l"})
    BOOST_TEST((find_route(edge_side::api, "GET", path).outcome == route_outcome::unknown_path),
               path);
}

BOOST_AUTO_TEST_CASE(paths_that_are_no_text_are_bad) {
  for (auto path : {"/v1/%", "/v1/%4", "/v1/%zz", "/v1/platforms/%00", "/v1/platforms/a%0ab",
                    "/v1/platforms/%7f", "/v1/platforms/%ff", "/v1/platforms/%c0%80",
                    "/v1/platforms/%ed%a0%80", "/v1/platforms/%f4%90%80%80", "/v1/platforms/%e2%82",
                    "/v1/platforms/%e0%80%80", "/v1/platforms/%80"})
    BOOST_TEST((find_route(edge_side::api, "GET", path).outcome == route_outcome::bad_path), path);
  for (auto path :
       {"/v1/platforms/%c3%a9", "/v1/platforms/%e2%82%ac", "/v1/platforms/%f0%9f%98%80"})
    BOOST_TEST((find_route(edge_side::api, "GET", path).outcome == route_outcome::found), path);
}

BOOST_AUTO_TEST_CASE(a_wrong_method_names_the_right_ones) {
  auto match = find_route(edge_side::api, "PUT", "/v1/platforms/p");
  BOOST_TEST((match.outcome == route_outcome::wrong_method));
  BOOST_TEST(match.allow == "GET, HEAD, PATCH, DELETE");
  BOOST_TEST(find_route(edge_side::mcp, "PUT", "/mcp/x").allow == "GET, POST, DELETE, OPTIONS");
  BOOST_TEST((find_route(edge_side::mcp, "HEAD", "/mcp/x").outcome == route_outcome::wrong_method));
  BOOST_TEST(
    (find_route(edge_side::api, "HEAD", "/v1/models").line->target == endpoint::models_list));
  auto asked = find_route(edge_side::mcp, "OPTIONS", "/mcp/x");
  BOOST_TEST((asked.outcome == route_outcome::found));
  BOOST_TEST(asked.allow == "GET, POST, DELETE, OPTIONS");
}

BOOST_AUTO_TEST_CASE(origins_are_loopback_or_our_own) {
  std::vector<std::string> own{"https://mcp.example.com", "http://gate:4000/base"};
  for (auto good : {"http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443",
                    "https://mcp.example.com", "https://MCP.example.com:443", "http://gate:4000"})
    BOOST_TEST(origin_allowed(good, own), good);
  for (auto bad :
       {"null", "", "https://evil.example", "http://mcp.example.com", "https://mcp.example.com:444",
        "https://mcp.example.com.evil.example", "http://localhost.evil.example",
        "http://127.0.0.1.evil.example", "ftp://localhost", "http://user@localhost", "http://",
        "localhost", "http://localhost:99999", "http://[::1].evil.example", "http://localhost:0",
        "http://localhost:", "http://localhost:80x", "http://[localhost]", "http://[::1"})
    BOOST_TEST(!origin_allowed(bad, own), bad);
  for (auto good : {"localhost", "localhost:4000", "127.0.0.1:1", "[::1]", "mcp.example.com:8"})
    BOOST_TEST(host_allowed(good, own), good);
  for (auto bad : {"evil.example", "", "localhost.evil.example", "127.0.0.1.nip.io", "a@localhost",
                   "10.0.0.1"})
    BOOST_TEST(!host_allowed(bad, own), bad);
}

BOOST_FIXTURE_TEST_CASE(a_call_reaches_the_front_actor_with_all_its_parts, api_fixture) {
  send("POST", "/v1/platforms/p%201/wallet/topup?a=1&b=%20",
       std::string{json_type} + "X-Request-Id: my-id_1.x\r\n", "{}");
  auto call = calls.take();
  BOOST_TEST((call->target == endpoint::wallet_topup));
  BOOST_TEST(call->method == "POST");
  BOOST_TEST(call->path == "/v1/platforms/p%201/wallet/topup");
  BOOST_TEST(call->query == "a=1&b=%20");
  BOOST_TEST(find_field(call->path_fields, "platform_id").value() == "p 1");
  BOOST_TEST(call->body == "{}");
  BOOST_TEST(call->id.value == "my-id_1.x");
  BOOST_TEST(call->remote_address == "127.0.0.1");
  BOOST_TEST(find_header(call->headers, "x-request-id").value() == "my-id_1.x");
  call->sink->finish({200, {{"Cache-Control", "no-cache"}}, "ok"});
  auto response = client().read_response().value();
  BOOST_TEST(response.header("X-Request-Id") == "my-id_1.x");
  BOOST_TEST(response.header("Cache-Control") == "no-cache");
  BOOST_TEST(response.header("X-Content-Type-Options") == "nosniff");
  BOOST_TEST(response.header("Access-Control-Allow-Origin") == "");
}

BOOST_FIXTURE_TEST_CASE(a_bad_request_id_is_replaced, api_fixture) {
  for (auto& bad :
       {std::string{""}, std::string{"a b"}, std::string{"a\"b"}, std::string(129, 'a')}) {
    auto response = ask("GET", "/nothing", "X-Request-Id: " + bad + "\r\n");
    BOOST_TEST(response.header("X-Request-Id").starts_with("req_"));
    BOOST_TEST(response.header("X-Request-Id").size() == 36u);
  }
  auto longest = std::string(128, 'a');
  BOOST_TEST(ask("GET", "/nothing", "X-Request-Id: " + longest + "\r\n").header("X-Request-Id")
             == longest);
  BOOST_TEST(ask("GET", "/nothing").header("X-Request-Id")
             != ask("GET", "/nothing").header("X-Request-Id"));
}

BOOST_FIXTURE_TEST_CASE(what_has_no_route_is_refused_in_the_envelope, api_fixture) {
  check_error(ask("GET", "/nothing"), 404, "not_found");
  check_error(ask("GET", "/.well-known/oauth-protected-resource"), 404, "not_found");
  check_error(ask("GET", "/v1/%zz"), 400, "bad_request");
  auto response = ask("DELETE", "/v1/models");
  check_error(response, 405, "method_not_allowed");
  BOOST_TEST(response.header("Allow") == "GET, HEAD");
  response = ask("OPTIONS", "/v1/platforms/p");
  check_error(response, 405, "method_not_allowed");
  BOOST_TEST(response.header("Access-Control-Allow-Origin") == "");
  BOOST_TEST(calls.empty());
}

BOOST_FIXTURE_TEST_CASE(bodies_must_be_json_by_their_type, api_fixture) {
  for (auto bad : {"", "Content-Type: text/plain\r\n", "Content-Type: application/jsonx\r\n",
                   "Content-Type: application/x-www-form-urlencoded\r\n",
                   "Content-Type: multipart/form-data; boundary=application/json\r\n"})
    check_error(ask("POST", "/v1/responses", bad, "{}"), 415, "unsupported_media_type");
  BOOST_TEST(calls.empty());
  for (auto good :
       {"Content-Type: application/json\r\n", "Content-Type: Application/JSON ; charset=utf-8\r\n",
        "Content-Type: application/merge-patch+json\r\n"}) {
    send("POST", "/v1/responses", good, "{}");
    calls.take()->sink->finish({200, {}, {}});
    BOOST_TEST(client().read_response().value().status == 200);
  }
  send("POST", "/v1/responses");
  calls.take()->sink->finish({422, {}, {}});
  BOOST_TEST(client().read_response().value().status == 422);
}

BOOST_FIXTURE_TEST_CASE(a_call_dropped_unanswered_is_answered_500_with_its_id, api_fixture) {
  send("GET", "/v1/models", "X-Request-Id: abc\r\n");
  calls.take().reset();
  auto response = client().read_response().value();
  check_error(response, 500, "internal_error");
  BOOST_TEST(response.header("X-Request-Id") == "abc");
}

BOOST_FIXTURE_TEST_CASE(head_finds_the_get_route, api_fixture) {
  send("HEAD", "/v1/models");
  auto call = calls.take();
  BOOST_TEST((call->target == endpoint::models_list));
  call->sink->finish({200, {}, "abc"});
  BOOST_TEST(client().read_response(true).value().header("Content-Length") == "3");
}

BOOST_FIXTURE_TEST_CASE(browsers_may_call_the_me_routes, api_fixture) {
  auto response = ask("OPTIONS", "/v1/me/mcp-config",
                      "Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n"
                      "Access-Control-Request-Headers: authorization\r\n");
  BOOST_TEST(response.status == 204);
  BOOST_TEST(response.header("Access-Control-Allow-Origin") == "*");
  BOOST_TEST(response.header("Access-Control-Allow-Methods") == "GET, HEAD");
  BOOST_TEST(response.header("Access-Control-Allow-Headers").find("authorization")
             != std::string::npos);
  send("GET", "/v1/me/mcp-config", "Origin: https://app.example\r\n");
  calls.take()->sink->finish({401, {}, "{}"});
  BOOST_TEST(client().read_response().value().header("Access-Control-Allow-Origin") == "*");
}

BOOST_FIXTURE_TEST_CASE(foreign_origins_and_hosts_never_reach_an_mcp_route, mcp_fixture) {
  check_error(ask("POST", "/mcp/github", std::string{json_type} + "Origin: https://evil\r\n", "{}"),
              403, "origin_refused");
  check_error(ask("GET", "/apps", "Origin: null\r\n"), 403, "origin_refused");
  check_error(ask("OPTIONS", "/mcp/github", "Origin: https://evil\r\n"), 403, "origin_refused");
  check_error(ask("GET", "/apps", "Host: evil.example\r\n"), 403, "origin_refused");
  BOOST_TEST(calls.empty());
  send("GET", "/apps", "Host: mcp.example.com\r\nOrigin: https://mcp.example.com\r\n");
  calls.take()->sink->finish({200, {}, {}});
  BOOST_TEST(client().read_response().value().status == 200);
}

BOOST_AUTO_TEST_CASE(behind_a_name_any_host_is_taken) {
  front_fixture edge{{edge_side::mcp, {"https://mcp.example.com"}, false}};
  edge.send("GET", "/apps", "Host: other.example\r\n");
  edge.calls.take()->sink->finish({200, {}, {}});
  BOOST_TEST(edge.client().read_response().value().status == 200);
}

BOOST_FIXTURE_TEST_CASE(mcp_preflights_are_answered_for_allowed_origins, mcp_fixture) {
  auto response = ask("OPTIONS", "/mcp/github",
                      "Origin: http://localhost:6274\r\nAccess-Control-Request-Method: POST\r\n"
                      "Access-Control-Request-Headers: Content-Type, Mcp-Param-Region, x-evil\r\n");
  BOOST_TEST(response.status == 204);
  BOOST_TEST(response.header("Access-Control-Allow-Origin") == "http://localhost:6274");
  BOOST_TEST(response.header("Vary") == "Origin");
  BOOST_TEST(response.header("Access-Control-Allow-Methods") == "GET, POST, DELETE, OPTIONS");
  auto allowed = response.header("Access-Control-Allow-Headers");
  for (auto name :
       {"content-type", "accept", "authorization", "mcp-session-id", "mcp-protocol-version",
        "last-event-id", "mcp-method", "mcp-name", "mcp-param-region"})
    BOOST_TEST(allowed.find(name) != std::string::npos, name);
  BOOST_TEST(allowed.find("x-evil") == std::string::npos);
  BOOST_TEST(calls.empty());
  send("POST", "/mcp/github", std::string{json_type} + "Origin: http://localhost:6274\r\n", "{}");
  calls.take()->sink->finish({200, {}, "{}"});
  response = client().read_response().value();
  BOOST_TEST(response.header("Access-Control-Allow-Origin") == "http://localhost:6274");
  for (auto name :
       {"Mcp-Session-Id", "MCP-Protocol-Version", "WWW-Authenticate", "Retry-After",
        "X-Callboard-Cost-Usd", "X-Callboard-Overhead-Ms", "X-RateLimit-Remaining-Requests"})
    BOOST_TEST(response.header("Access-Control-Expose-Headers").find(name) != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(well_known_paths_are_json_404_on_the_mcp_listener, mcp_fixture) {
  for (auto path : {"/.well-known/oauth-protected-resource", "/.well-known/openid-configuration",
                    "/.well-known/oauth-protected-resource/mcp/github",
                    "/mcp/github/.well-known/openid-configuration"})
    check_error(ask("GET", path), 404, "not_found");
}

BOOST_FIXTURE_TEST_CASE(streams_pass_the_decoration, mcp_fixture) {
  send("GET", "/mcp/github");
  auto call = calls.take();
  call->sink->start_stream(
    200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache, no-transform"}});
  BOOST_TEST(call->sink->send("data: 1\n\n"));
  call->sink->end_stream(true);
  auto response = client().read_response().value();
  BOOST_TEST(response.body == "data: 1\n\n");
  BOOST_TEST(response.header("X-Request-Id") == call->id.value);
  BOOST_TEST(response.header("Cache-Control") == "no-cache, no-transform");
}

BOOST_AUTO_TEST_SUITE_END()
