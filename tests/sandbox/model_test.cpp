#include "tests/sandbox/sandbox_fixture.hpp"

using namespace callboard;
using namespace callboard::sandbox;

namespace {

json::object tool(const char* name) {
  return {{"type", "function"}, {"function", {{"name", name}, {"parameters", json::object{}}}}};
}

json::object user(const std::string& text) { return {{"role", "user"}, {"content", text}}; }

struct model_fixture : sandbox_fixture {
  answer post(const json::object& body, const std::string& key = {}) {
    http_headers headers;
    if (!key.empty())
      headers.push_back({"Authorization", "Bearer " + key});
    return ask("POST", "/model/v1/chat/completions", json::serialize(body), headers);
  }

  /// One whole turn about `said`, with the tools given.
  answer turn(const std::string& model, const std::string& said, json::array tools = {}) {
    json::object body{{"model", model}, {"messages", json::array{user(said)}}};
    if (!tools.empty())
      body["tools"] = std::move(tools);
    return post(body);
  }

  /// The turn behind one in which the first call was answered with `result`.
  answer next_turn(const std::string& model, const std::string& said, const answer& before,
                   const std::string& result, json::array tools) {
    const auto message = at(before, "/choices/0/message");
    const auto id = at(before, "/choices/0/message/tool_calls/0/id");
    return post(
      {{"model", model},
       {"messages",
        json::array{user(said), message,
                    json::object{{"role", "tool"}, {"tool_call_id", id}, {"content", result}}}},
       {"tools", std::move(tools)}});
  }

  std::string said_in(const answer& x) {
    return to_std(at(x, "/choices/0/message/content").as_string());
  }

  /// The chunks of a streamed turn; checks that it is framed as it should be.
  std::vector<json::value> stream(const std::string& model, const std::string& said,
                                  json::array tools = {}, bool include_usage = true) {
    json::object body{{"model", model}, {"messages", json::array{user(said)}}, {"stream", true}};
    if (include_usage)
      body["stream_options"] = json::object{{"include_usage", true}};
    if (!tools.empty())
      body["tools"] = std::move(tools);
    last = post(body);
    BOOST_TEST(last.streamed);
    BOOST_TEST(header(last, "Content-Type").starts_with("text/event-stream"));
    std::vector<json::value> chunks;
    done = false;
    std::string_view rest = raw = body_of(last);
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size() - 1);
      auto line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (line.ends_with('\r'))
        line.remove_suffix(1);
      if (line.starts_with("data: [DONE]"))
        done = true;
      else if (line.starts_with("data: "))
        chunks.push_back(parse_json(line.substr(6)).value());
    }
    return chunks;
  }

  /// All content of the chunks.
  static std::string content(const std::vector<json::value>& chunks) {
    std::string all;
    for (const auto& chunk : chunks)
      if (const auto* choices = find_array(chunk.as_object(), "choices"))
        for (const auto& choice : *choices)
          all += find_string(choice.at("delta").as_object(), "content").value_or("");
    return all;
  }

  /// The last finish reason, or an empty string.
  static std::string finish(const std::vector<json::value>& chunks) {
    std::string last_one;
    for (const auto& chunk : chunks)
      if (const auto* choices = find_array(chunk.as_object(), "choices"))
        for (const auto& choice : *choices)
          if (choice.at("finish_reason").is_string())
            last_one = to_std(choice.at("finish_reason").as_string());
    return last_one;
  }

  answer last;
  std::string raw;
  bool done = false;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(model_test, model_fixture)

BOOST_AUTO_TEST_CASE(an_echo_says_the_last_user_message) {
  const auto x = turn("sandbox-echo", "Grüße");
  BOOST_TEST(x.status == 200);
  BOOST_TEST(said_in(x) == "Grüße");
  BOOST_TEST(at(x, "/choices/0/finish_reason") == "stop");
  BOOST_TEST(at(x, "/object") == "chat.completion");
  BOOST_TEST(at(x, "/model") == "sandbox-echo");
  const auto parts = post(
    {{"model", "sandbox-echo"},
     {"messages", json::array{json::object{
                    {"role", "user"},
                    {"content", json::array{json::object{{"type", "text"}, {"text", "part"}}}}}}}});
  BOOST_TEST(said_in(parts) == "part");
}

BOOST_AUTO_TEST_CASE(usage_is_computed_from_bytes) {
  const auto x = turn("sandbox-echo", "hello");
  // [{"role":"user","content":"hello"}] has 35 bytes.
  BOOST_TEST(at(x, "/usage/prompt_tokens") == 9);
  BOOST_TEST(at(x, "/usage/completion_tokens") == 2);
  BOOST_TEST(at(x, "/usage/total_tokens") == 11);
  const auto given = turn("sandbox-usage:1000:50", "hello");
  BOOST_TEST(at(given, "/usage/prompt_tokens") == 1000);
  BOOST_TEST(at(given, "/usage/completion_tokens") == 50);
  BOOST_TEST(!object(turn("sandbox-no-usage", "hello")).contains("usage"));
}

BOOST_AUTO_TEST_CASE(a_stream_says_the_same_in_chunks) {
  const std::string said = "Ein längerer Text mit Ümläuten, der in Stücken kommt.";
  const auto chunks = stream("sandbox-echo", said);
  BOOST_TEST(content(chunks) == said);
  BOOST_TEST(chunks.size() > 5u);
  BOOST_TEST(finish(chunks) == "stop");
  BOOST_TEST(done);
  BOOST_TEST(chunks.front().at("choices").at(0).at("delta").at("role") == "assistant");
  BOOST_TEST(chunks.front().at("usage").is_null());
  BOOST_TEST(chunks.back().at("choices").as_array().empty());
  const auto whole = turn("sandbox-echo", said);
  BOOST_TEST(chunks.back().at("usage") == at(whole, "/usage"));
}

BOOST_AUTO_TEST_CASE(usage_is_streamed_only_when_asked_for) {
  for (const auto& chunk : stream("sandbox-echo", "x", {}, false))
    BOOST_TEST(!chunk.as_object().contains("usage"));
  for (const auto& chunk : stream("sandbox-no-usage", "x"))
    BOOST_TEST(!chunk.as_object().contains("usage"));
}

BOOST_AUTO_TEST_CASE(the_issue_script_calls_and_then_quotes) {
  const json::array tools{tool("other"), tool("github_create_issue")};
  const std::string said = "Please open an issue in octocat/hello-world titled \"It breaks\".";
  const auto first = turn("sandbox-issue", said, tools);
  BOOST_TEST(at(first, "/choices/0/finish_reason") == "tool_calls");
  BOOST_TEST(at(first, "/choices/0/message/content").is_null());
  const auto function = at(first, "/choices/0/message/tool_calls/0/function");
  BOOST_TEST(function.at("name") == "github_create_issue");
  BOOST_TEST(
    parse_json(function.at("arguments").as_string()).value()
    == (json::value{{"title", "It breaks"}, {"owner", "octocat"}, {"repo", "hello-world"}}));
  const auto second = next_turn("sandbox-issue", said, first, "number 7", tools);
  BOOST_TEST(said_in(second) == "The tool answered: number 7");
  BOOST_TEST(at(second, "/choices/0/finish_reason") == "stop");
}

BOOST_AUTO_TEST_CASE(the_issue_script_follows_the_arguments_of_the_tool) {
  auto one_argument = tool("github_create_issue");
  one_argument["function"].as_object()["parameters"] =
    json::object{{"properties", {{"repoFullname", json::object{}}}}};
  const auto x = turn("sandbox-issue", "in a/b titled c", {one_argument});
  BOOST_TEST(at(x, "/choices/0/message/tool_calls/0/function/arguments")
             == R"({"title":"c","repoFullname":"a/b"})");
}

BOOST_AUTO_TEST_CASE(the_issue_script_without_wish_or_tool_only_talks) {
  const json::array tools{tool("x_github_create_issue")};
  BOOST_TEST(said_in(turn("sandbox-issue", "hello", tools)).starts_with("Say: open"));
  for (const char* bad : {"in a/b", "in titled x", " titled x", "in /b titled x", "in a/ titled x",
                          "in ab titled x", "at a/b titled x", "in a/b titled ", "titled x"})
    BOOST_TEST(said_in(turn("sandbox-issue", bad, tools)).starts_with("Say: open"), bad);
  const std::string said = "in a/b titled unquoted title\nand more";
  BOOST_TEST(said_in(turn("sandbox-issue", said)) == "No fitting tool was offered.");
  const auto call = at(turn("sandbox-issue", said, tools), "/choices/0/message/tool_calls/0");
  BOOST_TEST(call.at("function").at("name") == "x_github_create_issue");
  BOOST_TEST(call.at("function").at("arguments")
             == R"({"title":"unquoted title","owner":"a","repo":"b"})");
}

BOOST_AUTO_TEST_CASE(the_tool_script_takes_arguments_from_the_message) {
  const json::array tools{tool("a"), tool("b")};
  const auto arguments = [&](const std::string& model, const std::string& said) {
    const auto call = at(turn(model, said, tools), "/choices/0/message/tool_calls/0/function");
    return to_std(call.at("name").as_string()) + to_std(call.at("arguments").as_string());
  };
  BOOST_TEST(arguments("sandbox-tool:b", "```json\n{\"x\":1}\n```") == "b{\"x\":1}");
  BOOST_TEST(arguments("sandbox-tool:b", "do it, args: {\"x\":2}") == "b{\"x\":2}");
  BOOST_TEST(arguments("sandbox-tool", "nothing") == "a{}");
  BOOST_TEST(said_in(turn("sandbox-tool:c", "x", tools)) == "No fitting tool was offered.");
  const auto none = post({{"model", "sandbox-tool"},
                          {"messages", json::array{user("x")}},
                          {"tools", tools},
                          {"tool_choice", "none"}});
  BOOST_TEST(said_in(none) == "No fitting tool was offered.");
}

BOOST_AUTO_TEST_CASE(several_calls_come_in_one_turn) {
  const json::array tools{tool("own"), tool("github_get_issue"), tool("other")};
  const auto names = [&](const std::string& model, const std::string& said) {
    std::string all;
    const auto x = turn(model, said, tools);
    for (const auto& call : list(x, "/choices/0/message/tool_calls"))
      all += to_std(call.at("function").at("name").as_string()) + ' ';
    BOOST_TEST(at(x, "/choices/0/message/tool_calls/0/id")
               != at(x, "/choices/0/message/tool_calls/1/id"));
    return all;
  };
  BOOST_TEST(names("sandbox-parallel", "x") == "own github_get_issue ");
  BOOST_TEST(names("sandbox-mixed", "x") == "own github_get_issue ");
  BOOST_TEST(names("sandbox-parallel",
                   R"(```[{"name":"other","arguments":{"a":1}},{"name":"own"},{"name":"own"}]```)")
             == "other own own ");
  BOOST_TEST(at(turn("sandbox-function", "x", {tool("github_get_issue"), tool("own")}),
                "/choices/0/message/tool_calls/0/function/name")
             == "own");
}

BOOST_AUTO_TEST_CASE(the_loop_script_never_ends) {
  const json::array tools{tool("a")};
  const auto first = turn("sandbox-loop", "x", tools);
  const auto second = next_turn("sandbox-loop", "x", first, "result", tools);
  BOOST_TEST(at(second, "/choices/0/finish_reason") == "tool_calls");
  BOOST_TEST(at(first, "/choices/0/message/tool_calls/0/id")
             != at(second, "/choices/0/message/tool_calls/0/id"));
}

BOOST_AUTO_TEST_CASE(bad_calls_are_made_on_request) {
  const json::array tools{tool("a")};
  const auto bad =
    at(turn("sandbox-badargs", "x", tools), "/choices/0/message/tool_calls/0/function/arguments");
  BOOST_TEST(!parse_json(bad.as_string()));
  BOOST_TEST(at(turn("sandbox-madeup", "x", tools), "/choices/0/message/tool_calls/0/function/name")
             == "no_such_tool");
}

BOOST_AUTO_TEST_CASE(a_streamed_call_is_put_together_from_deltas) {
  const auto chunks =
    stream("sandbox-tool:a", "```{\"text\":\"long enough for two\"}```", {tool("a")});
  std::string arguments;
  std::string name;
  std::size_t deltas = 0;
  for (const auto& chunk : chunks)
    for (const auto& choice : chunk.at("choices").as_array())
      if (const auto* calls = find_array(choice.at("delta").as_object(), "tool_calls")) {
        ++deltas;
        BOOST_TEST(calls->at(0).at("index") == 0);
        const auto& function = calls->at(0).at("function").as_object();
        name += find_string(function, "name").value_or("");
        arguments += find_string(function, "arguments").value_or("");
      }
  BOOST_TEST(name == "a");
  BOOST_TEST(arguments == "{\"text\":\"long enough for two\"}");
  BOOST_TEST(deltas > 2u);
  BOOST_TEST(finish(chunks) == "tool_calls");
}

BOOST_AUTO_TEST_CASE(ends_that_are_no_success) {
  BOOST_TEST(finish(stream("sandbox-length", "x")) == "length");
  BOOST_TEST(finish(stream("sandbox-content-filter", "x")) == "content_filter");
  const auto failed = stream("sandbox-error-midstream", "x");
  BOOST_TEST(failed.back().as_object().contains("error"));
  BOOST_TEST(finish(failed).empty());
  BOOST_TEST(done);
  BOOST_TEST(finish(stream("sandbox-die", "x")).empty());
  BOOST_TEST(!done);
  BOOST_TEST((last.end == ending::cut));
  BOOST_TEST(!content(stream("sandbox-stall", "some text")).empty());
  BOOST_TEST((last.end == ending::hang));
  const auto silent = turn("sandbox-silent", "x");
  BOOST_TEST((silent.end == ending::hang));
  BOOST_TEST(body_of(silent).empty());
  BOOST_TEST(!parse_json(body_of(turn("sandbox-garbage", "x"))));
  const auto died = turn("sandbox-die", "x");
  BOOST_TEST((died.end == ending::cut));
  BOOST_TEST(!parse_json(body_of(died)));
  BOOST_TEST(turn("sandbox-error-midstream", "x").status == 500);
}

BOOST_AUTO_TEST_CASE(other_things_to_say) {
  BOOST_TEST(at(turn("sandbox-refusal", "x"), "/choices/0/message/refusal").is_string());
  BOOST_TEST(
    at(turn("sandbox-reasoning", "x"), "/choices/0/message/reasoning_content").is_string());
  BOOST_TEST(at(turn("sandbox-empty", "x"), "/choices/0/message/content").is_null());
  BOOST_TEST(said_in(turn("sandbox-long:5000", "x")).size() == 5000u);
  stream("sandbox-slow:30", "x");
  BOOST_TEST(last.pieces.at(1).delay.count() == 30);
  BOOST_TEST(turn("sandbox-slow", "x").delay.count() == 200);
}

BOOST_AUTO_TEST_CASE(errors_are_answered_on_request) {
  const auto limited = turn("sandbox-error-429", "x");
  BOOST_TEST(limited.status == 429);
  BOOST_TEST(header(limited, "Retry-After") == "1");
  BOOST_TEST(at(limited, "/error/code") == "rate_limit_exceeded");
  BOOST_TEST(turn("sandbox-error-500", "x").status == 500);
  BOOST_TEST(turn("sandbox-error-401", "x").status == 401);
  for (const char* bad : {"sandbox-error-200", "sandbox-error-", "sandbox-error-4x", "sandbox-who",
                          "gpt-9", "sandbox-echo+nothing", "sandbox-echo+"})
    BOOST_TEST(at(turn(bad, "x"), "/error/code") == "model_not_found");
}

BOOST_AUTO_TEST_CASE(quirks_change_the_wire_only) {
  const std::string said = "Something to say";
  for (const char* quirk : {"crlf", "comments", "one-byte", "empty-choices", "usage-in-choice"}) {
    const auto chunks = stream(std::string{"sandbox-echo+"} + quirk, said);
    BOOST_TEST_CONTEXT(quirk) {
      BOOST_TEST(content(chunks) == said);
      BOOST_TEST(finish(chunks) == "stop");
      BOOST_TEST(done);
    }
  }
  stream("sandbox-echo+crlf+comments", said);
  BOOST_TEST(raw.starts_with(": still thinking\r\n\r\ndata: {"));
  stream("sandbox-echo+one-byte", said);
  BOOST_TEST(last.pieces.size() == raw.size());
  BOOST_TEST(stream("sandbox-echo+empty-choices", said).front().at("choices").as_array().empty());
  BOOST_TEST(stream("sandbox-echo+usage-in-choice", said).back().at("choices").as_array().size()
             == 1u);
  stream("sandbox-echo+no-done", said);
  BOOST_TEST(!done);
  BOOST_TEST(finish(stream("sandbox-echo+no-finish", said)).empty());
}

BOOST_AUTO_TEST_CASE(quirks_of_tool_deltas) {
  const json::array tools{tool("a"), tool("b")};
  const auto indexes = [&](const std::string& quirk) {
    std::string all;
    for (const auto& chunk : stream("sandbox-parallel" + quirk, "x", tools))
      for (const auto& choice : chunk.at("choices").as_array())
        if (const auto* calls = find_array(choice.at("delta").as_object(), "tool_calls"))
          all += std::to_string(find_integer(calls->at(0).as_object(), "index").value_or(-1)) + ' ';
    return all;
  };
  BOOST_TEST(indexes("") == "0 0 1 1 ");
  BOOST_TEST(indexes("+same-index") == "0 0 0 0 ");
  BOOST_TEST(indexes("+no-index") == "-1 -1 -1 -1 ");
  BOOST_TEST(indexes("+whole-calls") == "0 1 ");
  BOOST_TEST(finish(stream("sandbox-tool+finish-stop", "x", tools)) == "stop");
}

BOOST_AUTO_TEST_CASE(quirks_can_be_set_for_all_models) {
  const auto set = [this](const std::string& body) {
    return ask("POST", "/_control/configure/model", body).status;
  };
  BOOST_TEST(set(R"({"quirks":["crlf"]})") == 200);
  stream("sandbox-echo", "x");
  BOOST_TEST(raw.find("\r\n") != std::string::npos);
  for (const char* bad :
       {R"({"quirks":["x"]})", R"({"quirks":[1]})", R"({"quirks":1})", R"({"x":[]})"})
    BOOST_TEST(set(bad) == 400);
  BOOST_TEST(set(R"({"quirks":[]})") == 200);
  stream("sandbox-echo", "x");
  BOOST_TEST(raw.find("\r\n") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_requests_are_refused_as_openai_does) {
  const auto messages = json::array{user("x")};
  const auto calling =
    json::object{{"role", "assistant"},
                 {"content", nullptr},
                 {"tool_calls", json::array{json::object{{"id", "c1"}, {"type", "function"}}}}};
  const auto result = json::object{{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "x"}};
  const auto all = [&](json::array x) {
    return json::object{{"model", "sandbox-echo"}, {"messages", std::move(x)}};
  };
  const auto with = [&](const char* name, json::value x) {
    auto body = all(messages);
    body[name] = std::move(x);
    return body;
  };
  for (const json::object& bad :
       {json::object{{"messages", messages}}, json::object{{"model", "sandbox-echo"}}, all({}),
        all({json::value(1)}), all({json::object{{"role", "who"}}}), all({result}),
        all({user("x"), calling}), all({user("x"), calling, user("y")}),
        all({user("x"), calling, result, result}), with("tools", {tool("bad name")}),
        with("tools", {tool("a"), tool("a")}), with("tools", {json::value(1)}),
        with("stream_options", json::object{{"include_usage", true}})}) {
    const auto x = post(bad);
    BOOST_TEST_CONTEXT(json::serialize(bad)) {
      BOOST_TEST(x.status == 400);
      BOOST_TEST(at(x, "/error/type") == "invalid_request_error");
    }
  }
  BOOST_TEST(post(all({user("x"), calling, result})).status == 200);
  BOOST_TEST(ask("POST", "/model/v1/chat/completions", "{").status == 400);
}

BOOST_AUTO_TEST_CASE(a_key_is_asked_for_when_there_is_one) {
  start({.model_key = "secret"});
  const json::object body{{"model", "sandbox-echo"}, {"messages", json::array{user("x")}}};
  BOOST_TEST(at(post(body), "/error/code") == "invalid_api_key");
  BOOST_TEST(post(body, "wrong").status == 401);
  BOOST_TEST(post(body, "secret").status == 200);
  BOOST_TEST(ask("GET", "/model/v1/models").status == 401);
  BOOST_TEST(ask("GET", "/model/scripts").status == 200);
}

BOOST_AUTO_TEST_CASE(the_lists_name_every_script) {
  const auto models = list(ask("GET", "/model/v1/models"), "/data");
  const auto scripts = list(ask("GET", "/model/scripts"), "/scripts");
  BOOST_TEST(models.size() > 20u);
  for (const auto& x : models) {
    BOOST_TEST(x.at("object") == "model");
    const auto id = to_std(x.at("id").as_string());
    BOOST_TEST(turn(id, "x", {tool("own"), tool("github_x")}).status != 404);
  }
  for (const auto& x : scripts)
    BOOST_TEST(!x.at("does").as_string().empty());
  for (const auto& quirk : list(ask("GET", "/model/scripts"), "/quirks")) {
    const auto name = "sandbox-echo+" + to_std(quirk.as_string());
    BOOST_TEST(turn(name, "x").status == 200);
  }
}

BOOST_AUTO_TEST_CASE(unknown_paths_and_methods_are_refused) {
  BOOST_TEST(ask("GET", "/model/v1/chat/completions").status == 405);
  BOOST_TEST(ask("POST", "/model/v1/models").status == 405);
  BOOST_TEST(ask("POST", "/model/v1/responses", "{}").status == 404);
  BOOST_TEST(ask("GET", "/model").status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
