#include "core/connectors/render.hpp"

#include <algorithm>

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/connectors/sample_apps.hpp"

using namespace callboard;
using namespace callboard::connectors;

namespace {

call_plan plan_of(std::string_view name, std::string_view arguments) {
  auto x = sample::plan_of(name, arguments);
  BOOST_REQUIRE_MESSAGE(x, (x ? std::string{} : message_of(x.error())));
  return std::move(*x);
}

std::string header(const http_request& x, std::string_view name) {
  return std::string{find_header(x.headers, name).value_or("(none)")};
}

http_response json_answer(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}

struct expected_request {
  const char* tool_name;
  const char* arguments;
  const char* method;
  const char* url;
  const char* body;
};

void check(const expected_request& x) {
  BOOST_TEST_CONTEXT(x.tool_name << ' ' << x.arguments) {
    auto request = plan_of(x.tool_name, x.arguments).request();
    BOOST_TEST(request.method == x.method);
    BOOST_TEST(request.url == x.url);
    BOOST_TEST(request.body == x.body);
    BOOST_TEST(request.url.find(sample::token) == std::string::npos);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(render_test)

BOOST_AUTO_TEST_CASE(every_github_tool_renders_with_minimal_arguments) {
  const expected_request rows[]{
    {"github_create_issue", R"({"owner":"o","repo":"r","title":"T"})", "POST",
     "https://api.github.com/repos/o/r/issues", R"({"title":"T"})"},
    {"github_get_issue", R"({"owner":"o","repo":"r","issue_number":42})", "GET",
     "https://api.github.com/repos/o/r/issues/42", ""},
    {"github_update_issue", R"({"owner":"o","repo":"r","issue_number":42,"state":"closed"})",
     "PATCH", "https://api.github.com/repos/o/r/issues/42", R"({"state":"closed"})"},
    {"github_create_issue_comment", R"({"owner":"o","repo":"r","issue_number":1,"body":"B"})",
     "POST", "https://api.github.com/repos/o/r/issues/1/comments", R"({"body":"B"})"},
    {"github_search_issues_and_pull_requests", R"({"q":"is:open a+b"})", "GET",
     "https://api.github.com/search/issues?q=is%3Aopen%20a%2Bb&per_page=10", ""},
    {"github_create_pull_request",
     R"({"owner":"o","repo":"r","head":"f","base":"main","title":"T"})", "POST",
     "https://api.github.com/repos/o/r/pulls", R"({"head":"f","base":"main","title":"T"})"},
    {"github_create_branch", R"({"owner":"o","repo":"r","branch":"b"})", "GET",
     "https://api.github.com/repos/o/r/commits/HEAD", ""},
    {"github_create_workflow_dispatch",
     R"({"owner":"o","repo":"r","workflow_id":"ci.yml","ref":"main"})", "POST",
     "https://api.github.com/repos/o/r/actions/workflows/ci.yml/dispatches",
     R"({"ref":"main","return_run_details":true})"},
    {"github_create_gist", R"({"files":{"a.md":"A"}})", "POST", "https://api.github.com/gists",
     R"({"files":{"a.md":{"content":"A"}},"public":false})"},
    {"github_get_repository_content", R"({"owner":"o","repo":"r"})", "GET",
     "https://api.github.com/repos/o/r/contents/", ""},
  };
  for (auto& x : rows)
    check(x);
}

BOOST_AUTO_TEST_CASE(every_github_tool_renders_with_all_arguments) {
  const expected_request rows[]{
    {"github_create_issue",
     R"({"owner":"o","repo":"r.js","title":"T","body":"","labels":["a"],"assignees":[],
      "milestone":2})",
     "POST", "https://api.github.com/repos/o/r.js/issues",
     R"({"title":"T","body":"","labels":["a"],"assignees":[],"milestone":2})"},
    {"github_update_issue",
     R"({"owner":"o","repo":"r","issue_number":42,"title":"T","body":"B","state":"open",
      "state_reason":"reopened","labels":[],"assignees":["x"],"milestone":null})",
     "PATCH", "https://api.github.com/repos/o/r/issues/42",
     R"({"title":"T","body":"B","state":"open","state_reason":"reopened","labels":[],)"
     R"("assignees":["x"],"milestone":null})"},
    {"github_search_issues_and_pull_requests",
     R"({"q":"x","sort":"created","order":"asc","per_page":3,"page":2})", "GET",
     "https://api.github.com/search/issues?q=x&sort=created&order=asc&per_page=3&page=2", ""},
    {"github_create_pull_request",
     R"({"owner":"o","repo":"r","head":"u:f","base":"main","issue":7,"body":"B","head_repo":"h",
      "draft":true,"maintainer_can_modify":false})",
     "POST", "https://api.github.com/repos/o/r/pulls",
     R"({"head":"u:f","base":"main","body":"B","issue":7,"head_repo":"h","draft":true,)"
     R"("maintainer_can_modify":false})"},
    {"github_create_branch", R"({"owner":"o","repo":"r","branch":"b","sha":"feature/x y"})", "GET",
     "https://api.github.com/repos/o/r/commits/feature%2Fx%20y", ""},
    {"github_create_workflow_dispatch",
     R"({"owner":"o","repo":"r","workflow_id":"12","ref":"v1","inputs":{"env":"p","n":1}})", "POST",
     "https://api.github.com/repos/o/r/actions/workflows/12/dispatches",
     R"({"ref":"v1","inputs":{"env":"p","n":1},"return_run_details":true})"},
    {"github_create_gist", R"({"description":"D","files":{"a.md":"A","b.txt":"B"},"public":true})",
     "POST", "https://api.github.com/gists",
     R"({"description":"D","files":{"a.md":{"content":"A"},"b.txt":{"content":"B"}},)"
     R"("public":true})"},
    {"github_get_repository_content",
     R"({"owner":"o","repo":"r","path":"/src/a b/c#.cpp/","ref":"feature/x",
      "media_type":"application/vnd.github.raw+json"})",
     "GET", "https://api.github.com/repos/o/r/contents/src%2Fa%20b%2Fc%23.cpp?ref=feature%2Fx", ""},
  };
  for (auto& x : rows)
    check(x);
}

BOOST_AUTO_TEST_CASE(the_headers_are_those_of_the_app_with_the_token) {
  auto x = plan_of("github_create_issue", R"({"owner":"o","repo":"r","title":"T"})").request();
  BOOST_TEST(header(x, "Authorization") == "Bearer " + std::string{sample::token});
  BOOST_TEST(header(x, "Accept") == "application/vnd.github+json");
  BOOST_TEST(header(x, "X-GitHub-Api-Version") == "2022-11-28");
  BOOST_TEST(header(x, "User-Agent") == "Callboard");
  BOOST_TEST(header(x, "Content-Type") == "application/json");
  auto get = plan_of("github_get_issue", R"({"owner":"o","repo":"r","issue_number":1})").request();
  BOOST_TEST(header(get, "Content-Type") == "(none)");
}

BOOST_AUTO_TEST_CASE(a_bound_header_replaces_the_apps_own) {
  auto x = plan_of("github_get_repository_content",
                   R"({"owner":"o","repo":"r","media_type":"application/vnd.github.raw+json"})")
             .request();
  auto accepts = std::count_if(x.headers.begin(), x.headers.end(),
                               [](const http_header& y) { return iequals(y.name, "accept"); });
  BOOST_TEST(accepts == 1);
  BOOST_TEST(header(x, "Accept") == "application/vnd.github.raw+json");
}

BOOST_AUTO_TEST_CASE(a_refreshed_token_is_used_for_the_same_request) {
  auto plan = plan_of("github_get_issue", R"({"owner":"o","repo":"r","issue_number":1})");
  plan.use_token("gho_new");
  BOOST_TEST(header(plan.request(), "Authorization") == "Bearer gho_new");
}

BOOST_AUTO_TEST_CASE(values_that_would_leave_their_place_in_the_path_are_refused) {
  const std::vector<std::pair<const char*, const char*>> rows{
    {"github_get_issue", R"({"owner":"..","repo":"r","issue_number":1})"},
    {"github_get_issue", R"({"owner":"o","repo":".","issue_number":1})"},
    {"github_get_repository_content", R"({"owner":"o","repo":"r","path":"a/../../b"})"},
    {"github_get_repository_content", R"({"owner":"o","repo":"r","path":".."})"},
    {"github_get_repository_content", R"({"owner":"o","repo":"r","path":"./a"})"},
    {"github_get_repository_content", R"({"owner":"o","repo":"r","path":"a//b"})"},
    {"github_create_branch", R"({"owner":"o","repo":"r","branch":"b","sha":"../x"})"},
    {"github_create_workflow_dispatch",
     R"({"owner":"o","repo":"r","workflow_id":"..","ref":"main"})"},
    {"zendesk_list_articles", R"({"section_id":".."})"},
    {"zendesk_list_articles", R"({"locale":""})"},
    {"zoho_mail_create_task", R"({"full_name":"../x"})"},
    {"zoho_mail_create_task", R"({"full_name":"x"})"},
    {"zoho_mail_create_task", R"({"full_name":"x/y/z"})"},
  };
  for (auto& [name, arguments] : rows) {
    BOOST_TEST_CONTEXT(name << ' ' << arguments) {
      auto x = sample::plan_of(name, arguments);
      BOOST_REQUIRE(!x);
      BOOST_TEST((code_of(x.error()) == errc::invalid_field));
      BOOST_TEST(!param_of(x.error()).empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(slashes_in_a_plain_path_value_are_encoded) {
  auto x = plan_of("github_create_workflow_dispatch",
                   R"({"owner":"o","repo":"r","workflow_id":"a/b?c#d%2e","ref":"m"})");
  BOOST_TEST(x.request().url
             == "https://api.github.com/repos/o/r/actions/workflows/a%2Fb%3Fc%23d%252e/dispatches");
}

BOOST_AUTO_TEST_CASE(an_earlier_answer_feeds_the_next_request) {
  auto plan = plan_of("github_create_branch", R"({"owner":"o","repo":"r","branch":"feature/x"})");
  BOOST_TEST(plan.request_is_safe());
  auto answer = json_answer(200, R"({"sha":"abc123","commit":{}})");
  BOOST_TEST(!plan.shape(answer).is_error);
  BOOST_TEST(plan.advance(answer).value());
  BOOST_TEST(!plan.request_is_safe());
  auto request = plan.request();
  BOOST_TEST(request.method == "POST");
  BOOST_TEST(request.url == "https://api.github.com/repos/o/r/git/refs");
  BOOST_TEST(request.body == R"({"ref":"refs/heads/feature/x","sha":"abc123"})");
  BOOST_TEST(!plan.advance(json_answer(201, R"({"ref":"refs/heads/feature/x"})")).value());
}

BOOST_AUTO_TEST_CASE(an_earlier_answer_that_is_not_accepted_ends_the_call) {
  auto plan = plan_of("github_create_branch", R"({"owner":"o","repo":"r","branch":"b"})");
  auto answer = json_answer(404, R"({"message":"Not Found"})");
  auto outcome = plan.shape(answer);
  BOOST_TEST(outcome.is_error);
  BOOST_TEST(outcome.counts);
  BOOST_TEST(outcome.text == "GitHub refused the call (404): Not Found.");
  BOOST_TEST(!plan.advance(answer).value());
}

BOOST_AUTO_TEST_CASE(an_earlier_answer_without_the_wanted_value_is_an_error) {
  for (auto* body : {"{}", R"({"sha":null})", "[]", "", "<html>"}) {
    BOOST_TEST_CONTEXT(body) {
      auto plan = plan_of("github_create_branch", R"({"owner":"o","repo":"r","branch":"b"})");
      auto more = plan.advance(json_answer(200, body));
      BOOST_REQUIRE(!more);
      BOOST_TEST((code_of(more.error()) == errc::upstream_failed));
    }
  }
}

BOOST_AUTO_TEST_CASE(an_optional_value_of_an_earlier_answer_may_be_absent) {
  auto plan = plan_of("zoho_mail_create_task",
                      R"({"full_name":"g/t","due":"2026-12-31","tag":"My Tag","file":"hi"})");
  BOOST_TEST(plan.request().url == "https://mail.zoho.eu/api/tasks/g/t");
  BOOST_TEST(plan.advance(json_answer(404, R"({"data":{}})")).value());
  auto request = plan.request();
  BOOST_TEST(request.body
             == R"({"title":"g/t","dueDate":"31/12/2026","file":"aGk=","owner":"77"})");
  BOOST_TEST(header(request, "X-Tag") == "my-tag");
  auto again = plan_of("zoho_mail_create_task", R"({"full_name":"g/t"})");
  BOOST_TEST(again.advance(json_answer(200, R"({"data":{"id":"9"}})")).value());
  BOOST_TEST(again.request().body == R"({"title":"g/t","owner":"77","replaces":"9"})");
}

BOOST_AUTO_TEST_CASE(moved_repositories_are_followed_within_the_same_origin) {
  auto plan = plan_of("github_get_issue", R"({"owner":"o","repo":"r","issue_number":1})");
  http_response moved{301, {{"location", "https://api.github.com/repositories/9/issues/1"}}, "{}"};
  BOOST_TEST(!plan.shape(moved).is_error);
  BOOST_TEST(plan.advance(moved).value());
  auto request = plan.request();
  BOOST_TEST(request.url == "https://api.github.com/repositories/9/issues/1");
  BOOST_TEST(header(request, "Authorization") == "Bearer " + std::string{sample::token});
  BOOST_TEST(!plan.advance(json_answer(200, "{}")).value());
}

BOOST_AUTO_TEST_CASE(a_refreshed_token_goes_where_a_redirect_led) {
  auto plan = plan_of("github_get_issue", R"({"owner":"o","repo":"r","issue_number":1})");
  BOOST_TEST(plan.advance({301, {{"Location", "/repositories/9/issues/1"}}, ""}).value());
  plan.use_token("gho_new");
  BOOST_TEST(plan.request().url == "https://api.github.com:443/repositories/9/issues/1");
  BOOST_TEST(header(plan.request(), "Authorization") == "Bearer gho_new");
}

BOOST_AUTO_TEST_CASE(redirects_to_other_places_are_never_followed) {
  for (auto* location :
       {"https://evil.com/x", "http://api.github.com/x", "https://api.github.com:444/x",
        "https://u@api.github.com/x", "//evil.com/x", "https://api.github.com.evil.com/x", "x", "",
        "https://api.github.com@evil.com/", "\\\\evil.com"}) {
    BOOST_TEST_CONTEXT(location) {
      auto plan = plan_of("github_get_issue", R"({"owner":"o","repo":"r","issue_number":1})");
      http_response moved{302, {{"Location", location}}, ""};
      auto outcome = plan.shape(moved);
      BOOST_TEST(outcome.is_error);
      BOOST_TEST(outcome.text.find("redirects the call (302)") != std::string::npos);
      BOOST_TEST(!plan.advance(moved).value());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_write_follows_only_redirects_that_keep_its_method) {
  constexpr auto arguments = R"({"owner":"o","repo":"r","title":"T"})";
  for (int status : {300, 301, 302, 303, 304}) {
    auto plan = plan_of("github_create_issue", arguments);
    BOOST_TEST(!plan.advance({status, {{"Location", "/repositories/9/issues"}}, ""}).value());
  }
  auto plan = plan_of("github_create_issue", arguments);
  BOOST_TEST(plan.advance({307, {{"Location", "/repositories/9/issues"}}, ""}).value());
  auto request = plan.request();
  BOOST_TEST(request.method == "POST");
  BOOST_TEST(request.url == "https://api.github.com:443/repositories/9/issues");
  BOOST_TEST(request.body == R"({"title":"T"})");
}

BOOST_AUTO_TEST_CASE(redirects_in_a_circle_end) {
  auto plan = plan_of("github_get_issue", R"({"owner":"o","repo":"r","issue_number":1})");
  http_response moved{301, {{"Location", "/x"}}, ""};
  for (int i = 0; i < call_plan::redirects_max; ++i)
    BOOST_TEST(plan.advance(moved).value());
  BOOST_TEST(!plan.advance(moved).value());
  BOOST_TEST(plan.shape(moved).is_error);
}

BOOST_AUTO_TEST_CASE(form_bodies_carry_json_texts_and_groups) {
  auto x = plan_of("slack_send_message",
                   R"({"channel":"C1","text":"a & b","unfurl_links":false,
                    "attachments":[{"t":1}],"event_type":"e","event_payload":{"k":"v"}})")
             .request();
  BOOST_TEST(x.url == "https://slack.com/api/chat.postMessage");
  BOOST_TEST(header(x, "Content-Type") == "application/x-www-form-urlencoded");
  auto form = parse_form(x.body).value();
  BOOST_TEST(find_field(form, "text").value() == "a & b");
  BOOST_TEST(find_field(form, "unfurl_links").value() == "false");
  BOOST_TEST(find_field(form, "attachments").value() == R"([{"t":1}])");
  BOOST_TEST(find_field(form, "metadata").value()
             == R"({"event_type":"e","event_payload":{"k":"v"}})");
  auto without =
    plan_of("slack_send_message", R"({"channel":"C1","text":"x","event_payload":{"k":"v"}})")
      .request();
  BOOST_TEST(without.body == "channel=C1&text=x");
  auto emoji = plan_of("slack_add_emoji_reaction", R"({"channel":"C","name":":tada:"})").request();
  BOOST_TEST(emoji.body == "channel=C&name=tada");
  auto list = plan_of("slack_list_channels", R"({"types":["public_channel","im"]})").request();
  BOOST_TEST(list.url
             == "https://slack.com/api/conversations.list?limit=100&types=public_channel%2Cim");
}

BOOST_AUTO_TEST_CASE(conditions_choose_between_bindings) {
  const expected_request rows[]{
    {"zendesk_update_ticket", R"({"ticket_id":5,"comment":"c","public":false})", "PUT",
     "https://acme.zendesk.com/api/v2/tickets/5.json",
     R"({"ticket":{"comment":{"body":"c","public":false}}})"},
    {"zendesk_update_ticket", R"({"ticket_id":5,"comment":"c","is_html":true})", "PUT",
     "https://acme.zendesk.com/api/v2/tickets/5.json",
     R"({"ticket":{"comment":{"html_body":"c"}}})"},
    {"zendesk_update_ticket", R"({"ticket_id":5,"comment":"c","is_html":false})", "PUT",
     "https://acme.zendesk.com/api/v2/tickets/5.json", R"({"ticket":{"comment":{"body":"c"}}})"},
    {"zendesk_update_ticket", R"({"ticket_id":5,"public":true,"assignee_id":"12"})", "PUT",
     "https://acme.zendesk.com/api/v2/tickets/5.json", R"({"ticket":{"assignee_id":12}})"},
    {"zendesk_delete_ticket", R"({"ticket_id":5})", "DELETE",
     "https://acme.zendesk.com/api/v2/tickets/5.json", ""},
    {"zendesk_list_articles", "{}", "GET",
     "https://acme.zendesk.com/api/v2/help_center/articles.json", ""},
    {"zendesk_list_articles", R"({"locale":"EN-us","section_id":"1/2"})", "GET",
     "https://acme.zendesk.com/api/v2/help_center/en-us/sections/1%2F2/articles.json", ""},
    {"zendesk_list_articles", R"({"section_id":"1","category_id":"2"})", "GET",
     "https://acme.zendesk.com/api/v2/help_center/sections/1/articles.json", ""},
    {"zendesk_list_articles", R"({"locale":"en","user_id":"3","query":"p"})", "GET",
     "https://acme.zendesk.com/api/v2/help_center/users/3/articles.json?query=type%3Aticket%20p",
     ""},
  };
  for (auto& x : rows)
    check(x);
  auto bad = sample::plan_of("zendesk_update_ticket", R"({"ticket_id":5,"assignee_id":"x"})");
  BOOST_REQUIRE(!bad);
  BOOST_TEST(message_of(bad.error()) == "Argument \"assignee_id\" must be a whole number.");
}

BOOST_AUTO_TEST_CASE(connection_fields_fill_hosts_and_defaults) {
  auto mail = plan_of("zoho_mail_send_email", R"({"to":"a@b.c"})").request();
  BOOST_TEST(mail.url == "https://mail.zoho.eu/api/accounts/77/messages");
  BOOST_TEST(header(mail, "Authorization") == "Zoho-oauthtoken " + std::string{sample::token});
  auto given = plan_of("zoho_mail_send_email", R"({"to":"a@b.c","account_id":"8"})").request();
  BOOST_TEST(given.url == "https://mail.zoho.eu/api/accounts/8/messages");
  auto ref = sample::tool_named("zoho_mail_send_email");
  auto none = call_plan::make(ref, sample::object(R"({"to":"a"})"), {{"zone", "zoho.com"}}, "t");
  BOOST_REQUIRE(!none);
  BOOST_TEST(param_of(none.error()) == "account_id");
  auto evil = call_plan::make(ref, sample::object(R"({"to":"a","account_id":"1"})"),
                              {{"zone", "evil.com/x?"}}, "t");
  BOOST_REQUIRE(!evil);
  BOOST_TEST(param_of(evil.error()) == "zone");
}

BOOST_AUTO_TEST_CASE(header_values_with_line_breaks_are_refused) {
  auto ref = sample::tool_named("github_get_repository_content");
  auto x = call_plan::make(
    ref, sample::object(R"({"owner":"o","repo":"r","path":"","media_type":"a\r\nX-Evil: 1"})"), {},
    "t");
  BOOST_REQUIRE(!x);
  BOOST_TEST(message_of(x.error()) == "Argument \"media_type\" must have no control characters.");
}

BOOST_AUTO_TEST_CASE(an_overridden_base_is_used_for_every_request) {
  std::vector<app> apps;
  apps.push_back(sample::load(sample::github_text(), "github.json"));
  auto made = catalogue::make(
    std::move(apps), {parse_endpoint_override("github.api_base=http://127.0.0.1:9/gh/").value()});
  auto plan =
    call_plan::make(*(*made)->find_tool("github_get_issue"),
                    sample::object(R"({"owner":"o","repo":"r","issue_number":1})"), {}, "t");
  BOOST_TEST(plan->request().url == "http://127.0.0.1:9/gh/repos/o/r/issues/1");
}

BOOST_AUTO_TEST_CASE(no_path_value_changes_the_host_or_the_depth_of_the_path) {
  auto ref = sample::tool_named("github_create_workflow_dispatch");
  BOOST_TEST(rc::check([&](const std::string& value) {
    std::string text;
    for (char c : value)
      text += static_cast<char>(c & 0x7F);
    json::object arguments{{"owner", "o"}, {"repo", "r"}, {"ref", "m"}};
    arguments["workflow_id"] = text;
    auto plan = call_plan::make(ref, arguments, {}, "t");
    bool refused = text.empty() || text == "." || text == "..";
    RC_ASSERT(static_cast<bool>(plan) != refused);
    if (refused)
      return;
    auto url = plan->request().url;
    RC_ASSERT(url.starts_with("https://api.github.com/repos/o/r/actions/workflows/"));
    RC_ASSERT(std::count(url.begin(), url.end(), '/') == 9);
    RC_ASSERT(url.find_first_of("?#\\ \r\n") == std::string::npos);
  }));
}

BOOST_AUTO_TEST_SUITE_END()
