#include "core/connectors/shape.hpp"

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/utf8.hpp"
#include "tests/unit/connectors/sample_apps.hpp"

using namespace callboard;
using namespace callboard::connectors;

namespace {

constexpr std::int64_t now_epoch = 1'800'000'000;

http_response json_answer(int status, std::string body, http_headers headers = {}) {
  headers.push_back({"Content-Type", "application/json; charset=utf-8"});
  return {status, std::move(headers), std::move(body)};
}

outcome shaped(std::string_view tool_name, std::string_view arguments,
               const http_response& answer) {
  auto ref = sample::tool_named(tool_name);
  return shape_answer(*ref.owner, *ref.item, sample::object(arguments), answer, sample::token,
                      now_epoch);
}

outcome issue_shaped(const http_response& answer) {
  return shaped("github_create_issue", R"({"owner":"o","repo":"r","title":"t"})", answer);
}

outcome content_shaped(const http_response& answer, std::string_view path = "a.txt") {
  return shaped("github_get_repository_content",
                R"({"owner":"o","repo":"r","path":")" + std::string{path} + R"("})", answer);
}

std::string structured(const outcome& x) { return x.structured.empty() ? "(none)" : x.structured; }

struct github_row {
  const char* tool_name;
  const char* arguments;
  int status;
  const char* body;
  const char* text;
};

} // namespace

BOOST_AUTO_TEST_SUITE(shape_test)

BOOST_AUTO_TEST_CASE(a_created_issue_is_named_with_its_fields) {
  auto x = issue_shaped(json_answer(201, R"({"id":1,"number":42,"title":"t","state":"open",
    "html_url":"https://github.com/o/r/issues/42","user":{"login":"ann","id":7},"labels":
    [{"name":"bug","color":"f00"}],"assignees":[],"body":"long"})"));
  const std::string fields =
    R"({"id":1,"number":42,"title":"t","state":"open",)"
    R"("html_url":"https://github.com/o/r/issues/42","user":{"login":"ann"},)"
    R"("labels":[{"name":"bug"}],"assignees":[]})";
  BOOST_TEST(!x.is_error);
  BOOST_TEST(x.counts);
  BOOST_TEST(x.text == "Issue #42 created: https://github.com/o/r/issues/42\n" + fields);
  BOOST_TEST(structured(x) == fields);
}

BOOST_AUTO_TEST_CASE(every_github_tool_tells_what_it_did) {
  const github_row rows[]{
    {"github_get_issue", R"({"owner":"o","repo":"r","issue_number":4})", 200,
     R"({"number":4,"state":"open","title":"T"})", "Issue #4 is open: T"},
    {"github_update_issue", R"({"owner":"o","repo":"r","issue_number":4})", 200,
     R"({"number":4,"html_url":"u"})", "Issue #4 updated: u"},
    {"github_create_issue_comment", R"({"owner":"o","repo":"r","issue_number":4,"body":"b"})", 201,
     R"({"id":9,"html_url":"u"})", "Comment added to issue #4: u"},
    {"github_search_issues_and_pull_requests", R"({"q":"x"})", 200,
     R"({"total_count":30,"items":[{"number":1},{"number":2}]})", "30 found, 2 shown"},
    {"github_create_pull_request", R"({"owner":"o","repo":"r"})", 201, R"({"number":5})",
     "Pull request #5 created"},
    {"github_create_branch", R"({"owner":"o","repo":"r","branch":"b"})", 201,
     R"({"ref":"refs/heads/b","object":{"sha":"abc"}})", "Branch b created at abc"},
    {"github_create_workflow_dispatch", R"({"workflow_id":"ci.yml","ref":"main"})", 200,
     R"({"workflow_run_id":1,"html_url":"u"})", "Workflow ci.yml started on main: u"},
    {"github_create_gist", R"({"files":{}})", 201, R"({"id":"g1","html_url":"u"})",
     "Gist g1 created: u"},
    {"github_get_repository_content", R"({"path":"a.txt"})", 200,
     R"({"type":"file","path":"a.txt","size":3})", "file a.txt of 3 bytes"},
    {"github_get_repository_content", R"({"path":"src"})", 200, R"([{"name":"a"},{"name":"b"}])",
     "Directory src with 2 entries"},
    {"github_get_repository_content", R"({"path":""})", 200, "[]", "Directory with 0 entries"},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.tool_name) {
      auto got = shaped(x.tool_name, x.arguments, json_answer(x.status, x.body));
      BOOST_TEST(!got.is_error);
      BOOST_TEST(got.counts);
      BOOST_TEST(got.text.substr(0, got.text.find('\n')) == x.text);
      BOOST_TEST(!got.structured.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(an_empty_answer_has_a_sentence_of_its_own) {
  auto x = shaped("github_create_workflow_dispatch", R"({"workflow_id":"ci.yml","ref":"main"})",
                  {204, {}, ""});
  BOOST_TEST(!x.is_error);
  BOOST_TEST(x.text == "Workflow ci.yml started on main");
  BOOST_TEST(x.structured.empty());
  BOOST_TEST(shaped("zendesk_delete_ticket", R"({"ticket_id":7})", {204, {}, ""}).text
             == "Ticket 7 deleted");
}

BOOST_AUTO_TEST_CASE(an_unexpected_2xx_is_no_failure_since_a_model_would_write_again) {
  auto x = issue_shaped(json_answer(202, R"({"number":1})"));
  BOOST_TEST(!x.is_error);
  BOOST_TEST(x.counts);
}

BOOST_AUTO_TEST_CASE(lists_become_objects_with_items) {
  auto x = content_shaped(json_answer(200, R"([{"name":"a","sha":"x"},{"name":"b"}])"), "src");
  BOOST_TEST(structured(x) == R"({"items":[{"name":"a"},{"name":"b"}]})");
  BOOST_TEST(x.text == "Directory src with 2 entries\n[{\"name\":\"a\"},{\"name\":\"b\"}]");
}

BOOST_AUTO_TEST_CASE(text_files_are_decoded) {
  auto x = content_shaped(json_answer(
    200,
    R"({"type":"file","path":"a.txt","size":6,"encoding":"base64","content":"aMOp\nCnk=\n"})"));
  BOOST_TEST(structured(x)
             == R"({"type":"file","path":"a.txt","size":6,"encoding":"utf-8","content":"hé\ny"})");
}

BOOST_AUTO_TEST_CASE(binary_large_and_broken_files_are_explained) {
  auto answer = [](const std::string& encoding, const std::string& content) {
    return content_shaped(json_answer(200, R"({"type":"file","path":"a","encoding":")" + encoding
                                             + R"(","content":")" + content + R"("})"));
  };
  auto binary = answer("base64", to_base64(std::string("\x89PNG\0\xff", 6)));
  BOOST_TEST(!binary.is_error);
  BOOST_TEST(structured(binary)
             == R"({"type":"file","path":"a","encoding":"base64","content":null,)"
                R"("note":"The content is binary (6 bytes) and is not shown."})");
  BOOST_TEST(binary.text.find("file a The content is binary (6 bytes)") == 0u);
  auto with_nul = answer("base64", to_base64(std::string("a\0b", 3)));
  BOOST_TEST(with_nul.text.find("is binary (3 bytes)") != std::string::npos);
  auto large = answer("none", "");
  BOOST_TEST(large.text.find("larger than 1 MB") != std::string::npos);
  auto broken = answer("base64", "!!!!");
  BOOST_TEST(broken.text.find("not valid base64") != std::string::npos);
  BOOST_TEST(find_string(parse_json_object(broken.structured).value(), "content").value()
             == "!!!!");
}

BOOST_AUTO_TEST_CASE(raw_answers_are_passed_on_as_text) {
  http_response raw{
    200, {{"Content-Type", "application/vnd.github.raw+json; charset=utf-8"}}, "{}"};
  auto x = content_shaped(raw, "package.json");
  BOOST_TEST(x.text == "Content of package.json:\n{}");
  BOOST_TEST(x.structured.empty());
  BOOST_TEST(x.counts);
  raw.body = std::string("\xff\x00", 2);
  BOOST_TEST(content_shaped(raw).text
             == "Content of a.txt: The content is binary (2 bytes) and is not shown.");
  raw.body.clear();
  BOOST_TEST(!content_shaped(raw).is_error);
  http_response html{200, {{"Content-Type", "text/html"}}, "<h1>x</h1>"};
  BOOST_TEST(content_shaped(html).text == "Content of a.txt:\n<h1>x</h1>");
}

BOOST_AUTO_TEST_CASE(a_success_that_is_not_json_is_a_failure_of_the_provider) {
  for (auto& body : {"<html>", "{\"number\":", "\xff"}) {
    auto x = issue_shaped({201, {{"Content-Type", "text/html"}}, body});
    BOOST_TEST(x.is_error);
    BOOST_TEST(x.provider_failed);
    BOOST_TEST(!x.counts);
    BOOST_TEST(x.text
               == "GitHub answered with something that is not JSON. The call may have had its "
                  "effect; look before repeating it.");
  }
}

BOOST_AUTO_TEST_CASE(refusals_are_told_in_the_providers_words) {
  struct row {
    int status;
    const char* body;
    const char* text;
  };
  const row rows[]{
    {422,
     R"({"message":"Validation Failed","errors":[{"resource":"Issue","field":"title",
        "code":"missing_field"},{"resource":"Issue","code":"custom","field":"body",
        "message":"is too long"}],"documentation_url":"https://docs"})",
     "GitHub refused the call (422): Validation Failed: Issue.title: missing_field; body: is too "
     "long."},
    {422, R"({"message":"Validation Failed","errors":["No commits between main and f"]})",
     "GitHub refused the call (422): Validation Failed: No commits between main and f."},
    {422, R"({"message":"Reference already exists","errors":"x"})",
     "GitHub refused the call (422): Reference already exists: x."},
    {404, R"({"message":"Not Found","status":"404"})", "GitHub refused the call (404): Not Found."},
    {410, R"({"message":"Issues are disabled for this repo"})",
     "GitHub refused the call (410): Issues are disabled for this repo."},
    {409, R"({"message":"Git Repository is empty."})",
     "GitHub refused the call (409): Git Repository is empty."},
    {403, R"({"message":"Resource not accessible"})",
     "GitHub refused the call (403): Resource not accessible."},
    {400, "", "GitHub refused the call (400)."},
    {400, "[]", "GitHub refused the call (400)."},
    {400, R"({"message":5})", "GitHub refused the call (400)."},
    {418, R"({"errors":[null,[],{},{"a":{"b":1}}]})", "GitHub refused the call (418): a: b: 1."},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.body) {
      auto got = issue_shaped(json_answer(x.status, x.body));
      BOOST_TEST(got.is_error);
      BOOST_TEST(got.counts);
      BOOST_TEST(got.text == x.text);
      BOOST_TEST(!got.needs_refresh);
      BOOST_TEST(!got.rate_limited);
      BOOST_TEST(!got.provider_failed);
      BOOST_TEST(got.missing_scope.empty());
      BOOST_TEST(got.structured.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(plain_error_texts_are_quoted_and_pages_are_not) {
  http_response plain{400, {{"Content-Type", "text/plain"}}, "Bad request line"};
  BOOST_TEST(issue_shaped(plain).text == "GitHub refused the call (400): Bad request line.");
  plain.body = std::string(10'000, 'x');
  BOOST_TEST(issue_shaped(plain).text.size() < 400u);
  http_response page{403, {{"Content-Type", "text/html"}}, "<html>Blocked</html>"};
  BOOST_TEST(issue_shaped(page).text == "GitHub refused the call (403).");
  http_response bytes{403, {}, "\xff\xfe"};
  BOOST_TEST(issue_shaped(bytes).text == "GitHub refused the call (403).");
}

BOOST_AUTO_TEST_CASE(server_errors_do_not_count_and_warn_about_writes) {
  auto write = issue_shaped(json_answer(503, R"({"message":"Unicorn"})"));
  BOOST_TEST(write.is_error);
  BOOST_TEST(!write.counts);
  BOOST_TEST(write.provider_failed);
  BOOST_TEST(write.text
             == "GitHub failed (503): Unicorn. The call may have had its effect; look before "
                "repeating it.");
  auto read = shaped("github_get_issue", "{}", json_answer(500, ""));
  BOOST_TEST(read.text == "GitHub failed (500). Nothing was changed; try again later.");
  auto update = shaped("github_update_issue", "{}", {502, {{"Retry-After", "7"}}, "<html>"});
  BOOST_TEST(update.text == "GitHub failed (502). The call may be repeated later.");
  BOOST_TEST((update.retry_after == std::chrono::seconds{7}));
}

BOOST_AUTO_TEST_CASE(a_dead_token_asks_for_a_refresh) {
  auto x = issue_shaped(json_answer(401, R"({"message":"Bad credentials"})"));
  BOOST_TEST(x.is_error);
  BOOST_TEST(x.needs_refresh);
  BOOST_TEST(!x.counts);
  BOOST_TEST(x.text == "GitHub does not accept the connection any more. Connect GitHub again.");
  auto slack =
    shaped("slack_send_message", "{}", json_answer(200, R"({"ok":false,"error":"token_revoked"})"));
  BOOST_TEST(slack.needs_refresh);
  auto zoho = shaped("zoho_mail_send_email", "{}",
                     json_answer(404, R"({"data":{"errorCode":"INVALID_OAUTHTOKEN"}})"));
  BOOST_TEST(zoho.needs_refresh);
}

BOOST_AUTO_TEST_CASE(a_missing_scope_is_named) {
  const http_headers headers{{"X-OAuth-Scopes", "gist, read:user"},
                             {"X-Accepted-OAuth-Scopes", "public_repo, repo"}};
  for (int status : {403, 404}) {
    auto x = issue_shaped(json_answer(status, R"({"message":"Not Found"})", headers));
    BOOST_TEST(x.is_error);
    BOOST_TEST(x.counts);
    BOOST_TEST(x.missing_scope == "public_repo or repo");
    BOOST_TEST(x.text
               == "GitHub refused the call (" + std::to_string(status)
                    + "): Not Found. The connection lacks the scope public_repo or repo. Connect "
                      "GitHub again with it.");
  }
  auto slack =
    shaped("slack_send_message", "{}",
           json_answer(
             200, R"({"ok":false,"error":"missing_scope","needed":"chat:write","provided":"x"})"));
  BOOST_TEST(slack.missing_scope == "chat:write");
  auto unnamed =
    shaped("slack_send_message", "{}", json_answer(200, R"({"ok":false,"error":"missing_scope"})"));
  BOOST_TEST(unnamed.missing_scope == "chat:write");
}

BOOST_AUTO_TEST_CASE(granted_or_unknown_scopes_are_not_called_missing) {
  const std::vector<http_headers> cases{
    {{"X-OAuth-Scopes", "repo, gist"}, {"X-Accepted-OAuth-Scopes", "repo"}},
    {{"X-OAuth-Scopes", "gist"}, {"X-Accepted-OAuth-Scopes", ""}},
    {{"X-OAuth-Scopes", "gist"}},
    {{"X-Accepted-OAuth-Scopes", "repo"}},
    {}};
  for (auto& headers : cases)
    BOOST_TEST(issue_shaped(json_answer(404, "{}", headers)).missing_scope.empty());
  auto none = issue_shaped(
    json_answer(403, "{}", {{"X-OAuth-Scopes", ""}, {"X-Accepted-OAuth-Scopes", "repo"}}));
  BOOST_TEST(none.missing_scope == "repo");
}

BOOST_AUTO_TEST_CASE(rate_limits_are_told_from_refusals) {
  struct row {
    int status;
    http_headers headers;
    bool limited;
    std::optional<int> wait;
  };
  const auto reset = std::to_string(now_epoch + 90);
  const std::vector<row> rows{
    {429, {{"Retry-After", "30"}}, true, 30},
    {429, {}, true, std::nullopt},
    {403, {{"Retry-After", "60"}}, true, 60},
    {403, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", reset}}, true, 90},
    {403, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "1"}}, true, 1},
    {403, {{"X-RateLimit-Remaining", "0"}}, true, std::nullopt},
    {403, {{"X-RateLimit-Remaining", "12"}, {"X-RateLimit-Reset", reset}}, false, std::nullopt},
    {403, {}, false, std::nullopt},
    {404, {{"X-RateLimit-Remaining", "0"}}, false, std::nullopt},
    {429, {{"Retry-After", "-5"}}, true, std::nullopt},
    {429, {{"Retry-After", "99999999"}}, true, std::nullopt},
    {429, {{"Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"}}, true, std::nullopt},
  };
  for (auto& x : rows) {
    auto got = issue_shaped(json_answer(x.status, R"({"message":"Slow down"})", x.headers));
    BOOST_TEST(got.is_error);
    BOOST_TEST(got.counts);
    BOOST_TEST(got.rate_limited == x.limited);
    BOOST_TEST(got.retry_after.has_value() == x.wait.has_value());
    if (x.wait && got.retry_after)
      BOOST_TEST(got.retry_after->count() == *x.wait);
  }
  BOOST_TEST(issue_shaped(json_answer(429, "{}", {{"Retry-After", "30"}})).text
             == "GitHub limits the rate of calls (429). Try again in 30 seconds.");
  BOOST_TEST(issue_shaped(json_answer(429, R"({"message":"Slow"})")).text
             == "GitHub limits the rate of calls (429): Slow. Try again later.");
}

BOOST_AUTO_TEST_CASE(a_failure_in_a_200_answer_is_a_failure) {
  auto x =
    shaped("slack_send_message", "{}", json_answer(200, R"({"ok":false,"error":"channel_not_found",
                    "response_metadata":{"messages":["[ERROR] no such channel"]}})"));
  BOOST_TEST(x.is_error);
  BOOST_TEST(x.counts);
  BOOST_TEST(x.text == "Slack refused the call: channel_not_found: [ERROR] no such channel.");
  auto odd = shaped("slack_send_message", "{}", json_answer(200, R"({"channel":"C"})"));
  BOOST_TEST(odd.is_error);
  auto good =
    shaped("slack_send_message", "{}", json_answer(200, R"({"ok":true,"channel":"C","ts":"1.2"})"));
  BOOST_TEST(good.text == "Message 1.2 sent\n{\"channel\":\"C\",\"ts\":\"1.2\"}");
  auto limited =
    shaped("slack_list_channels", "{}", json_answer(200, R"({"ok":false,"error":"ratelimited"})"));
  BOOST_TEST(limited.rate_limited);
}

BOOST_AUTO_TEST_CASE(a_soft_error_counts_as_success) {
  auto x = shaped("slack_add_emoji_reaction", R"({"name":"tada"})",
                  json_answer(200, R"({"ok":false,"error":"already_reacted"})"));
  BOOST_TEST(!x.is_error);
  BOOST_TEST(x.counts);
  BOOST_TEST(x.text == "The reaction was there already.");
  auto other = shaped("slack_send_message", "{}",
                      json_answer(200, R"({"ok":false,"error":"already_reacted"})"));
  BOOST_TEST(other.is_error);
}

BOOST_AUTO_TEST_CASE(zendesk_details_are_flattened) {
  auto x = shaped("zendesk_delete_ticket", "{}", json_answer(422, R"({"error":"RecordInvalid",
    "description":"Record validation errors","details":{"base":[{"description":"Status: closed",
    "error":"X"}],"requester":[{"description":"is bad"}]}})"));
  BOOST_TEST(x.text
             == "Zendesk refused the call (422): Record validation errors: base: Status: closed; "
                "requester: is bad.");
  auto titled =
    shaped("zendesk_delete_ticket", "{}",
           json_answer(403, R"({"error":{"title":"Forbidden","message":"No access"}})"));
  BOOST_TEST(titled.text == "Zendesk refused the call (403): No access.");
  auto coded = shaped("zendesk_delete_ticket", "{}",
                      json_answer(400, R"({"errors":[{"code":"bad","title":"Bad id"}]})"));
  BOOST_TEST(coded.text == "Zendesk refused the call (400): Bad id.");
}

BOOST_AUTO_TEST_CASE(large_results_are_cut_between_characters_with_a_note) {
  std::string content;
  while (content.size() < limits::tool_output_bytes_max + 100)
    content += "\xe2\x82\xac";
  auto x = content_shaped(json_answer(200, R"({"type":"file","path":"a","encoding":"base64",
    "content":")" + to_base64(content) + R"("})"));
  BOOST_TEST(!x.is_error);
  BOOST_TEST(x.text.size() <= limits::tool_output_bytes_max);
  BOOST_TEST(x.text.size() > limits::tool_output_bytes_max - 200);
  BOOST_TEST(is_text(x.text));
  BOOST_TEST(x.text.find("[Cut: the result has ") != std::string::npos);
  BOOST_TEST(x.structured.empty());
}

BOOST_AUTO_TEST_CASE(tokens_never_leave_with_an_answer) {
  const std::string token{sample::token};
  const std::vector<http_response> answers{
    json_answer(201,
                R"({"number":1,"title":"x )" + token + R"( y","html_url":")" + token + R"("})"),
    json_answer(422, R"({"message":"bad token )" + token + R"("})"),
    {400, {{"Content-Type", "text/plain"}}, token},
    json_answer(500, R"({"message":")" + token + R"("})"),
  };
  for (auto& answer : answers) {
    auto x = issue_shaped(answer);
    BOOST_TEST(x.text.find(token) == std::string::npos);
    BOOST_TEST(x.text.find("***") != std::string::npos);
    BOOST_TEST(structured(x).find(token) == std::string::npos);
  }
  // The cut of a long text would leave the first half of the token.
  auto half =
    issue_shaped(json_answer(422, R"({"message":")" + std::string(1990, 'x') + token + R"("})"));
  BOOST_TEST(half.text.find(token.substr(0, 8)) == std::string::npos);
  http_response raw{200, {{"Content-Type", "application/vnd.github.raw"}}, "key=" + token};
  BOOST_TEST(content_shaped(raw).text == "Content of a.txt:\nkey=***");
}

BOOST_AUTO_TEST_CASE(a_call_without_answer_never_counts_and_says_what_may_have_happened) {
  auto github = sample::all()->find_app("github");
  auto text = [&](errc code, side_effect effect) {
    auto x = shape_no_answer(*github, effect, make_problem(code, "details"));
    BOOST_TEST(x.is_error);
    BOOST_TEST(!x.counts);
    return x.text;
  };
  using effect = side_effect;
  BOOST_TEST(text(errc::upstream_unavailable, effect::lasting)
             == "GitHub cannot be reached. Nothing was changed; try again later.");
  BOOST_TEST(text(errc::upstream_timeout, effect::lasting)
             == "GitHub did not answer in time. The call may have had its effect; look before "
                "repeating it.");
  BOOST_TEST(text(errc::upstream_timeout, effect::none)
             == "GitHub did not answer in time. Nothing was changed; try again later.");
  BOOST_TEST(text(errc::upstream_failed, effect::repeatable)
             == "The call to GitHub failed. The call may be repeated later.");
  BOOST_TEST(text(errc::response_too_large, effect::none)
             == "GitHub answered with more than can be taken. Ask for less at a time.");
  BOOST_TEST(text(errc::address_refused, effect::none) == "The address of GitHub is not allowed.");
  BOOST_TEST(text(errc::cancelled, effect::none) == "The call was cancelled.");
  BOOST_TEST(text(errc::internal, effect::none).find("details") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
