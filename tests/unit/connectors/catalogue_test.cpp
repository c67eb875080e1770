#include "core/connectors/catalogue.hpp"

#include <functional>

#include <boost/test/unit_test.hpp>

#include "tests/unit/connectors/sample_apps.hpp"

using namespace callboard;
using namespace callboard::connectors;

namespace {

json::value slack() { return parse_json(sample::slack_text).value(); }

/// The place that a pointer names; the pointer must exist.
json::value& at(json::value& root, std::string_view pointer) {
  auto* x = json_pointer::parse(pointer).value().find_in(root);
  BOOST_REQUIRE_MESSAGE(x, pointer);
  return *x;
}

/// One way to break a good file, and what must be said about it.
struct mistake {
  const char* place;
  /// JSON to put in the place's member, or null to remove the member.
  const char* member;
  const char* value;
  const char* told;
};

const mistake app_mistakes[]{
  {"", "slug", "\"Slack\"", "slack.json /slug: \"Slack\" is no slug; allowed are a-z"},
  {"", "slug", "\"chat\"", "/slug: the file must be called chat.json"},
  {"", "slug", nullptr, "/slug: is missing"},
  {"", "title", "3", "/title: must be a text"},
  {"", "colour", "1", "/colour: unknown key; allowed are slug, title"},
  {"", "tools", "[]", "/tools: must hold one tool or more"},
  {"", "tools", "{}", "/tools: must be a list"},
  {"", "tools", "[1]", "/tools/0: must be an object"},
  {"/endpoints", "api_base", nullptr, "/endpoints/api_base: is missing"},
  {"/endpoints", "api_base", "\"slack.com\"", "\"slack.com\" is no absolute URL"},
  {"/endpoints", "api_base", "\"http://slack.com\"", "must begin with https://"},
  {"/endpoints", "api_base", "\"https://slack.com/?a=1\"", "no user, query or fragment"},
  {"/endpoints", "api_base", "\"https://{conn.host}\"", "the connection has no field \"host\""},
  {"/endpoints", "token_url", "\"https://{host}.com\"", "unknown placeholder {host}"},
  {"/endpoints", "token_url", "\"https://a.com/{client_id}\"",
   "{client_id} is only for revoke_url"},
  {"/endpoints", "base", "\"https://a.com\"", "/endpoints/base: unknown key"},
  {"/endpoints", "revoke_url", nullptr, "/oauth/revoke: needs the endpoint revoke_url"},
  {"/oauth", "revoke", nullptr, "/oauth/revoke: is missing although there is a revoke_url"},
  {"/oauth", "default_scopes", "[]", "/oauth/default_scopes: must name one scope"},
  {"/oauth", "default_scopes", "\"a\"", "must be a list of texts"},
  {"/oauth", "scope_separator", "\";\"", "unknown value \";\"; allowed are  , ,"},
  {"/oauth", "pkce", "\"yes\"", "/oauth/pkce: must be true or false"},
  {"/oauth", "client_authentication", "\"jwt\"", "allowed are body, basic"},
  {"/oauth", "authorize_parameters", "[1]", "must be an object of texts"},
  {"/oauth/token_answer", "access_token", nullptr, "/access_token: is missing"},
  {"/oauth/token_answer", "access_token", "\"token\"", "\"token\" is no JSON pointer"},
  {"/oauth/token_answer", "error", nullptr, "/error: is missing"},
  {"/oauth/token_answer", "refresh_token", nullptr, "/oauth/refresh: needs token_answer"},
  {"/oauth/token_answer", "keep", "{\"a\":\"b\"}", "/keep: \"b\" is no JSON pointer"},
  {"/oauth/revoke", "method", "\"PUT\"", "allowed are POST, DELETE, GET"},
  {"/oauth/revoke", "authentication", nullptr, "is missing; allowed are none, bearer, basic"},
  {"/oauth/revoke", "fields", "{\"a\":\"b\"}", "/oauth/revoke/fields: need a body"},
  {"/oauth/revoke", "statuses", "[99]", "must be a list of HTTP statuses, 200 to 599"},
  {"", "headers", "{}", "/headers: exactly one header must hold {token}"},
  {"", "headers", "{\"A\":\"{token}\",\"B\":\"{token}\"}", "exactly one header must hold {token}"},
  {"", "headers", "{\"A\":\"{token} {user}\"}", "may hold nothing but one {token}"},
  {"", "headers", "{\"A b\":\"{token}\"}", "\"A b\" is no header name"},
  {"", "headers", "{\"A\":\"{token}\\r\\nX: y\"}", "a value has a line break"},
  {"/answer", "success", "{\"pointer\":\"/ok\"}", "/answer/success: needs pointer and equals"},
  {"/answer", "error_texts", "[]", "/answer/error_texts: must name one place or more"},
  {"/answer", "error_texts", "[\"a\"]", "/answer/error_texts/0: \"a\" is no JSON pointer"},
  {"/answer", "error_code", nullptr, "/answer/error_code: is missing although codes"},
  {"/answer", "dead_token", "{}", "/answer/dead_token: needs statuses or codes"},
  {"/answer", "rate_limit", "[]", "/answer/rate_limit: must be an object"},
  {"/answer/missing_scope", "scopes", "[]", "/answer/missing_scope/scopes: unknown key"},
};

const mistake tool_mistakes[]{
  {"/tools/0", "name", nullptr, "/tools/0/name: is missing"},
  {"/tools/0", "name", "\"send_message\"", "\"send_message\" must begin with \"slack_\""},
  {"/tools/0", "name", "\"slack_\"", "must begin with \"slack_\""},
  {"/tools/0", "name", "\"slack_send-message\"", "is no tool name"},
  {"/tools/1", "name", "\"slack_send_message\"", "\"slack_send_message\" is there twice"},
  {"/tools/0", "title", nullptr, "/tools/0/title: is missing"},
  {"/tools/0", "description", nullptr, "/tools/0/description: is missing"},
  {"/tools/0", "description", "\"\"", "must be a text that is not empty"},
  {"/tools/0", "extra", "1", "/tools/0/extra: unknown key"},
  {"/tools/0", "inputSchema", nullptr, "/tools/0/inputSchema: is missing"},
  {"/tools/0/inputSchema", "type", "\"array\"", "/inputSchema/type: type must be \"object\""},
  {"/tools/0/inputSchema", "additionalProperties", "true", "additionalProperties must be false"},
  {"/tools/0/inputSchema", "additionalProperties", nullptr, "additionalProperties must be false"},
  {"/tools/0/inputSchema", "properties", "[]", "properties must be an object"},
  {"/tools/0/inputSchema", "required", "[\"nobody\"]", "\"nobody\", which is no property"},
  {"/tools/0/inputSchema", "required", "3", "required must be a list"},
  {"/tools/0/inputSchema", "$ref", "\"x\"", "unknown keyword \"$ref\""},
  {"/tools/0/inputSchema", "minProperties", "1",
   "/inputSchema/minProperties: \"minProperties\" is only for a single argument; see \"rules\""},
  {"/tools/0/inputSchema/properties/text", "description", nullptr,
   "/inputSchema/properties/text: description is missing"},
  {"/tools/0/inputSchema/properties/text", "type", "\"text\"", "unknown type; allowed are string"},
  {"/tools/0/inputSchema/properties/text", "type", nullptr, "type is missing"},
  {"/tools/0/inputSchema/properties/text", "oneOf", "[]", "unknown keyword \"oneOf\""},
  {"/tools/0/inputSchema/properties/text", "pattern", "\"^a$\"", "a pattern needs a maxLength"},
  {"/tools/0/inputSchema/properties/text", "minLength", "\"x\"", "cannot be compiled"},
  {"/tools/0/inputSchema/properties/attachments", "items", "1", "/items: must be an object"},
  {"/tools/0/annotations", "readOnlyHint", nullptr, "/readOnlyHint: is missing"},
  {"/tools/0/annotations", "readOnlyHint", "true", "a tool that only reads must use GET"},
  {"/tools/2/annotations", "destructiveHint", "true", "only reads cannot be destructive"},
  {"/tools/0", "rules", "[{\"min_one_of\":[\"text\",\"nobody\"]}]", "\"nobody\" is not in input"},
  {"/tools/0", "rules", "[{\"min_one_of\":[\"text\"]}]", "needs two arguments or more"},
  {"/tools/0", "rules", "[{}]", "/tools/0/rules/0: needs one of exactly_one_of"},
  {"/tools/0", "rules", "[{\"any_of\":[]}]", "/tools/0/rules/0/any_of: unknown key"},
  {"/tools/0", "request", nullptr, "/tools/0/request: is missing"},
  {"/tools/0/request", "method", "\"post\"", "allowed are GET, POST, PUT, PATCH, DELETE"},
  {"/tools/0/request", "path", "\"chat\"", "a path must begin with"},
  {"/tools/0/request", "path", "\"/chat/{id}\"", "the variable \"id\" has no binding"},
  {"/tools/0/request", "body", "\"xml\"", "allowed are none, json, form"},
  {"/tools/0/request", "body", "\"json\"", "a form target needs \"body\": \"form\""},
  {"/tools/2/request", "body", "\"json\"", "a GET request has no body"},
  {"/tools/0/request/bind/0", "argument", "\"nobody\"", "\"nobody\" is not in inputSchema"},
  {"/tools/0/request/bind/0", "argument", nullptr, "needs exactly one source"},
  {"/tools/0/request/bind/0", "constant", "1", "needs exactly one source"},
  {"/tools/0/request/bind/0", "to", nullptr, "/bind/0/to: is missing"},
  {"/tools/0/request/bind/0", "to", "\"channel\"",
   "unknown target \"channel\"; allowed are path.x"},
  {"/tools/0/request/bind/0", "to", "\"form.a.b\"", "unknown target \"form.a.b\""},
  {"/tools/0/request/bind/0", "to", "\"form.\"", "unknown target \"form.\""},
  {"/tools/0/request/bind/0", "to", "\"path.id\"", "has no variable \"id\""},
  {"/tools/0/request/bind/0", "to", "\"body.x\"", "a body target needs \"body\": \"json\""},
  {"/tools/0/request/bind/0", "to", "\"header.authorization\"", "cannot be bound"},
  {"/tools/0/request/bind/0", "to", "[\"form.a\",\"form.b\"]", "the transform split go together"},
  {"/tools/0/request/bind/0", "as", "\"upper\"",
   "/bind/0/as: unknown transform \"upper\"; allowed"},
  {"/tools/0/request/bind/0", "as", "\"split:/\"", "the transform split go together"},
  {"/tools/0/request/bind/0", "as", "\"path_segments\"", "path_segments is only for a path"},
  {"/tools/0/request/bind/0", "or_connection", "\"x\"", "the connection has no field \"x\""},
  {"/tools/0/request/bind/0", "when_argument", "\"x\"", "\"x\" is not in inputSchema"},
  {"/tools/0/request/bind/0", "if", "1", "/bind/0/if: unknown key"},
  {"/tools/0/request/bind/4", "group", "{\"a\":\"nobody\"}", "\"nobody\" is not in inputSchema"},
  {"/tools/0/inputSchema/properties", "spare", "{\"type\":\"string\",\"description\":\"x\"}",
   "/tools/0/inputSchema/properties/spare: no binding uses this argument"},
  {"/tools/0", "answer", nullptr, "/tools/0/answer: is missing"},
  {"/tools/0/answer", "statuses", nullptr, "/answer/statuses: must name one status"},
  {"/tools/0/answer", "statuses", "[200,204]", "text_for_nothing: is missing although 204"},
  {"/tools/0/answer", "text", nullptr, "/tools/0/answer/text: is missing"},
  {"/tools/0/answer", "text", "\"{\"", "/answer/text: \"{\" is not closed"},
  {"/tools/0/answer", "text", "\"{nobody}\"", "\"nobody\" is not in inputSchema"},
  {"/tools/0/answer", "fields", "[\"/a\",\"b\"]", "/tools/0/answer/fields/1: \"b\" is no JSON"},
  {"/tools/0/answer", "decode", "{}", "/answer/decode/content: is missing"},
  {"/tools/0", "before", "[{\"id\":\"a\",\"method\":\"POST\",\"path\":\"/x\"}]", "must be a GET"},
  {"/tools/0", "before",
   "[{\"id\":\"a\",\"method\":\"GET\",\"path\":\"/x\"},{\"id\":\"a\",\"method\":\"GET\","
   "\"path\":\"/y\"}]",
   "/tools/0/before/1/id: \"a\" is there twice"},
};

void check_mistake(const mistake& x) {
  BOOST_TEST_CONTEXT(x.place << '/' << x.member << " = " << (x.value ? x.value : "nothing")) {
    auto root = slack();
    auto& object = at(root, x.place).get_object();
    if (x.value)
      object[x.member] = parse_json(x.value).value();
    else
      object.erase(x.member);
    auto loaded = load_app(json::serialize(root), "slack.json");
    BOOST_REQUIRE(!loaded);
    BOOST_TEST((code_of(loaded.error()) == errc::invalid_field));
    auto told = message_of(loaded.error());
    BOOST_TEST_MESSAGE(told);
    BOOST_TEST_CONTEXT(told)
    BOOST_TEST(told.find(x.told) != std::string::npos);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(catalogue_test)

BOOST_AUTO_TEST_CASE(the_shipped_and_the_sample_files_load) {
  auto x = sample::all();
  BOOST_TEST(x->apps().size() == 4u);
  auto github = x->find_app("github");
  BOOST_REQUIRE(github);
  BOOST_TEST(github->title == "GitHub");
  BOOST_TEST(!x->find_app("gitlab"));
}

BOOST_AUTO_TEST_CASE(github_has_exactly_its_ten_tools) {
  std::vector<std::string> names;
  for (auto& item : sample::all()->find_app("github")->tools)
    names.push_back(item.name);
  const std::vector<std::string> wanted{"github_create_issue",
                                        "github_get_issue",
                                        "github_update_issue",
                                        "github_create_issue_comment",
                                        "github_search_issues_and_pull_requests",
                                        "github_create_pull_request",
                                        "github_create_branch",
                                        "github_create_workflow_dispatch",
                                        "github_create_gist",
                                        "github_get_repository_content"};
  BOOST_TEST(names == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_mistake_in_an_app_is_named_with_its_place) {
  for (auto& x : app_mistakes)
    check_mistake(x);
}

BOOST_AUTO_TEST_CASE(every_mistake_in_a_tool_is_named_with_its_place) {
  for (auto& x : tool_mistakes)
    check_mistake(x);
}

BOOST_AUTO_TEST_CASE(all_mistakes_of_a_file_are_told_at_once) {
  auto root = slack();
  root.as_object().erase("title");
  at(root, "/tools/0").as_object().erase("title");
  at(root, "/tools/1").as_object()["a/b~c"] = 1;
  auto loaded = load_app(json::serialize(root), "apps/slack.json");
  BOOST_REQUIRE(!loaded);
  auto told = message_of(loaded.error());
  BOOST_TEST(told.find("apps/slack.json /title: is missing\n") == 0u);
  BOOST_TEST(told.find("\napps/slack.json /tools/0/title: is missing\n") != std::string::npos);
  BOOST_TEST(told.find("/tools/1/a~1b~0c: unknown key") != std::string::npos);
  BOOST_TEST(param_of(loaded.error()) == "/title");
}

BOOST_AUTO_TEST_CASE(what_is_no_object_is_told_and_does_no_harm) {
  for (auto* text : {"", "[]", "3", "{", "null", "{}", R"({"slug":[],"tools":{}})"})
    BOOST_TEST_CONTEXT(text)
  BOOST_TEST(!load_app(text, "x.json"));
}

BOOST_AUTO_TEST_CASE(a_host_field_needs_a_closed_set_of_values) {
  auto root = parse_json(sample::zendesk_text).value();
  at(root, "/connection/0").as_object().erase("pattern");
  auto loaded = load_app(json::serialize(root), "zendesk.json");
  BOOST_REQUIRE(!loaded);
  BOOST_TEST(message_of(loaded.error())
               .find("/endpoints/api_base: the connection field \"subdomain\" needs a pattern or a "
                     "list of allowed values")
             != std::string::npos);
  for (auto* pattern : {"[a-z]+", "^[a-z]+", "^[$"}) {
    at(root, "/connection/0").as_object()["pattern"] = pattern;
    BOOST_TEST(!load_app(json::serialize(root), "zendesk.json"));
  }
}

BOOST_AUTO_TEST_CASE(a_path_variable_that_may_stay_empty_is_a_mistake) {
  auto root = parse_json(sample::zendesk_text).value();
  at(root, "/tools/0/inputSchema").as_object().erase("required");
  auto loaded = load_app(json::serialize(root), "zendesk.json");
  BOOST_REQUIRE(!loaded);
  BOOST_TEST(message_of(loaded.error()).find("the variable \"ticket_id\" may stay empty")
             != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_step_must_come_before_its_use) {
  auto root = parse_json(sample::zoho_text).value();
  at(root, "/tools/1/before/0").as_object()["id"] = "other";
  auto loaded = load_app(json::serialize(root), "zoho_mail.json");
  BOOST_REQUIRE(!loaded);
  BOOST_TEST(message_of(loaded.error())
               .find("/tools/1/request/bind/5/step: there is no earlier request \"old\"")
             != std::string::npos);
}

BOOST_AUTO_TEST_CASE(overrides_are_parsed_strictly) {
  auto x = parse_endpoint_override("github.api_base=http://127.0.0.1:9000/gh?").error();
  BOOST_TEST(param_of(x) == "app-base");
  auto good = parse_endpoint_override("zoho_mail.token_url=http://127.0.0.1:9000/a=b").value();
  BOOST_TEST(good.slug == "zoho_mail");
  BOOST_TEST((good.endpoint == endpoint_kind::token_url));
  BOOST_TEST(good.url == "http://127.0.0.1:9000/a=b");
  for (auto* bad :
       {"", "github", "github=http://a.b", "github.api=http://a.b", ".api_base=http://a",
        "github.api_base", "github.api_base=", "github.api_base=a.b", "github.api_base=ftp://a.b"})
    BOOST_TEST_CONTEXT(bad)
  BOOST_TEST(!parse_endpoint_override(bad));
}

BOOST_AUTO_TEST_CASE(an_override_replaces_one_endpoint) {
  std::vector<app> apps;
  apps.push_back(sample::load(sample::github_text(), "github.json"));
  auto made =
    catalogue::make(apps, {parse_endpoint_override("github.api_base=http://localhost:1/").value()});
  BOOST_REQUIRE(made);
  auto github = (*made)->find_app("github");
  BOOST_TEST(github->endpoint(endpoint_kind::api_base)->source() == "http://localhost:1");
  BOOST_TEST(github->endpoint(endpoint_kind::token_url)->source()
             == "https://github.com/login/oauth/access_token");
  BOOST_TEST(!catalogue::make(apps, {{"slack", endpoint_kind::api_base, "http://a.b"}}));
  BOOST_TEST(!catalogue::make(apps, {{"github", endpoint_kind::api_base, "nonsense"}}));
  BOOST_TEST(!catalogue::make(apps, {{"github", endpoint_kind::api_base, "http://{conn.x}"}}));
}

BOOST_AUTO_TEST_CASE(an_app_cannot_be_there_twice) {
  auto github = sample::load(sample::github_text(), "github.json");
  std::vector<app> apps{github, github};
  BOOST_TEST(!catalogue::make(apps));
  apps[1].slug = "other";
  auto made = catalogue::make(apps);
  BOOST_REQUIRE(!made);
  BOOST_TEST(message_of(made.error()) == "The tool \"github_create_issue\" is there twice.");
}

BOOST_AUTO_TEST_CASE(tools_are_found_by_name_with_their_app) {
  auto x = sample::all()->find_tool("github_get_issue");
  BOOST_REQUIRE(x);
  BOOST_TEST(x->owner->slug == "github");
  BOOST_TEST(x->item->name == "github_get_issue");
  BOOST_TEST(!sample::all()->find_tool("github_get"));
  BOOST_TEST(find_tool(*x->owner, "github_get_issue") == x->item);
  BOOST_TEST(find_tool(*x->owner, "slack_send_message") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_listing_has_what_mcp_wants) {
  auto x = listing_of(*sample::tool_named("github_get_issue").item);
  BOOST_TEST(find_string(x, "name").value() == "github_get_issue");
  BOOST_TEST(find_string(x, "title").value() == "Get issue");
  BOOST_TEST(find_string(x, "description").value().size() > 20u);
  auto* annotations = find_object(x, "annotations");
  BOOST_REQUIRE(annotations);
  BOOST_TEST(find_bool(*annotations, "readOnlyHint").value());
  BOOST_TEST(!find_bool(*annotations, "destructiveHint").value());
  auto* schema = find_object(x, "inputSchema");
  BOOST_REQUIRE(schema);
  BOOST_TEST(json::serialize(*find(*schema, "required")) == R"(["owner","repo","issue_number"])");
  BOOST_TEST(!find_bool(*schema, "additionalProperties").value());
}

BOOST_AUTO_TEST_CASE(connection_fields_are_checked_and_completed) {
  auto zendesk = sample::all()->find_app("zendesk");
  BOOST_TEST(complete_fields(*zendesk, {{"subdomain", "acme-2"}}).value().at("subdomain")
             == "acme-2");
  for (std::string bad : {"", "acme.evil.com", "-a", "Acme", "a b", "a\nb", "a/b", "acme\n"}) {
    BOOST_TEST_CONTEXT(bad) {
      auto x = complete_fields(*zendesk, {{"subdomain", bad}});
      BOOST_REQUIRE(!x);
      BOOST_TEST(param_of(x.error()) == "subdomain");
    }
  }
  auto missing = complete_fields(*zendesk, {});
  BOOST_REQUIRE(!missing);
  BOOST_TEST(message_of(missing.error()) == "subdomain is required: The part before .zendesk.com.");
  BOOST_TEST(!complete_fields(*zendesk, {{"subdomain", "a"}, {"zone", "b"}}));
}

BOOST_AUTO_TEST_CASE(connection_fields_come_from_the_callback_or_the_default) {
  auto zoho = sample::all()->find_app("zoho_mail");
  BOOST_TEST(complete_fields(*zoho, {}).value().at("zone") == "zoho.com");
  auto from_callback =
    complete_fields(*zoho, {}, {{"accounts-server", "https://accounts.zoho.eu"}});
  BOOST_TEST(from_callback.value().at("zone") == "zoho.eu");
  auto foreign = complete_fields(*zoho, {}, {{"accounts-server", "https://accounts.evil.com"}});
  BOOST_REQUIRE(!foreign);
  BOOST_TEST(message_of(foreign.error()) == "zone must be one of zoho.com, zoho.eu, zohocloud.ca.");
  auto other = complete_fields(*zoho, {}, {{"accounts-server", "http://evil.com"}});
  BOOST_TEST(other.value().at("zone") == "zoho.com");
  auto slack = sample::all()->find_app("slack");
  BOOST_TEST(complete_fields(*slack, {{"team_id", "T1"}}).value().at("team_id") == "T1");
}

BOOST_AUTO_TEST_SUITE_END()
