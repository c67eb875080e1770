"""POST /v1/responses and /v1/chat/completions against every script of the sandbox's model.

R107 to R135, C18 to C31, I73 to I85.
"""

import json
import unittest

from cases import SystemTest, main
from harness import Stream, fetch
from tenants import micros, settled

ISSUE_POST = "POST /github/api/repos/octocat/hello-world/issues"
MODEL_POST = "POST /model/v1/chat/completions"
FUNCTION = {"type": "function", "name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}
NESTED_FUNCTION = {"type": "function", "function": {"name": FUNCTION["name"],
                                                    "parameters": FUNCTION["parameters"]}}
ONE_CALL_STREAM = [
    "response.created", "response.in_progress",
    "response.output_item.added", "response.mcp_list_tools.in_progress",
    "response.mcp_list_tools.completed", "response.output_item.done",
    "response.output_item.added", "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done", "response.mcp_call.in_progress",
    "response.mcp_call.completed", "response.output_item.done",
    "response.output_item.added", "response.content_part.added", "response.output_text.delta",
    "response.output_text.done", "response.content_part.done", "response.output_item.done",
    "response.completed"]


def issue(title, repo="hello-world", owner="octocat"):
    return {"name": "github_create_issue",
            "arguments": {"owner": owner, "repo": repo, "title": title}}


def calls_text(*calls):
    """What makes sandbox-parallel and sandbox-mixed call exactly these tools."""
    return f"Do it:\n```json\n{json.dumps(calls)}\n```"


def kinds(response):
    return [x["type"] for x in response["output"]]


def text_of(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message"
                   for part in item["content"])


class Responses(SystemTest):
    """The tool loop."""

    models = ("sandbox-echo", "sandbox-issue", "sandbox-tool:github_create_issue",
              "sandbox-parallel", "sandbox-mixed", "sandbox-loop:github_get_issue",
              "sandbox-function", "sandbox-badargs", "sandbox-madeup", "sandbox-die",
              "sandbox-error-midstream", "sandbox-garbage", "sandbox-length",
              "sandbox-content-filter", "sandbox-no-usage", "sandbox-usage:1000:500",
              "sandbox-refusal", "sandbox-reasoning", "sandbox-empty", "sandbox-long:300000",
              "sandbox-error-500", "sandbox-error-429", "sandbox-error-400", "sandbox-error-401",
              "sandbox-parallel+same-index+crlf+comments+one-byte", "sandbox-echo+no-done",
              "sandbox-echo+no-finish",
              "sandbox-issue+no-index+whole-calls+finish-stop+usage-in-choice")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform = cls.world.platform()
        cls.user = cls.platform.connected_user()

    def setUp(self):
        super().setUp()
        self.sandbox.forget_requests()

    def complete(self, model, text, **fields):
        answer = self.user.respond(model, text, **fields)
        self.assert_status(answer, 200)
        response = answer.json()
        self.assertEqual((response["object"], response["model"]), ("response", model))
        self.assertRegex(response["id"], r"^resp_\w{20,}$")
        return response

    def failed_call(self, response):
        calls = [x for x in response["output"] if x["type"] == "mcp_call"]
        self.assertEqual([x["status"] for x in calls], ["failed"])
        return calls[0]

    # -- plain answers ---------------------------------------------------------

    def test_a_plain_answer_has_every_field_of_the_official_object(self):
        response = self.complete("sandbox-echo", "Hello there", metadata={"k": "v"},
                                 temperature=0.5, instructions="Be brief.")
        self.assertEqual(kinds(response), ["message"])
        message = response["output"][0]
        self.assertRegex(message["id"], r"^msg_")
        self.assertEqual((message["role"], message["status"]), ("assistant", "completed"))
        self.assertEqual(message["content"], [{"type": "output_text", "text": "Hello there",
                                               "annotations": [], "logprobs": []}]
                         if "logprobs" in message["content"][0] else
                         [{"type": "output_text", "text": "Hello there", "annotations": []}])
        self.assertEqual(response["status"], "completed")
        for field in ("error", "incomplete_details", "previous_response_id"):
            self.assertIsNone(response[field], field)
        for field, value in (("metadata", {"k": "v"}), ("temperature", 0.5), ("tools", []),
                             ("instructions", "Be brief."), ("parallel_tool_calls", True),
                             ("tool_choice", "auto")):
            self.assertEqual(response[field], value, field)
        usage = response["usage"]
        self.assertGreater(usage["input_tokens"], 0)
        self.assertEqual(usage["total_tokens"], usage["input_tokens"] + usage["output_tokens"])

    def test_an_empty_model_means_the_default_model(self):
        platform = self.world.platform()
        user = platform.end_user()
        self.assert_status(user.respond("", "x"), 422, "validation_error", "model")
        platform.settings(default_model="sandbox-echo")
        self.assertEqual(text_of(user.respond("", "by default").json()), "by default")
        self.assert_status(user.respond("gpt-none", "x"), 404, "model_not_found", "model")

    def test_models_are_listed(self):
        listed = self.user.api("GET", "/v1/models").json()
        self.assertEqual(listed["object"], "list")
        self.assertIn("sandbox-echo", [x["id"] for x in listed["data"]])
        self.world.set_model("sandbox-hidden", "--disabled")
        again = self.user.api("GET", "/v1/models").json()
        self.assertNotIn("sandbox-hidden", [x["id"] for x in again["data"]])
        self.assert_status(self.user.respond("sandbox-hidden", "x"), 404, "model_not_found")

    def test_a_platform_key_may_infer_but_not_use_tools(self):
        url = f"{self.node.api}/v1/responses"
        body = {"model": "sandbox-echo", "input": "hi"}
        self.assert_status(fetch("POST", url, self.platform.key, body), 200)
        body["tools"] = self.user.tools()
        self.assert_status(fetch("POST", url, self.platform.key, body), 403, "forbidden", "tools")
        lifecycle = fetch("POST", url, self.platform.lifecycle_key, {"model": "x", "input": "y"})
        self.assert_status(lifecycle, 403, "forbidden")

    def test_other_ends_of_a_turn_are_told_as_they_are(self):
        cut = self.complete("sandbox-length", "too long")
        self.assertEqual((cut["status"], cut["incomplete_details"]),
                         ("incomplete", {"reason": "max_output_tokens"}))
        self.assertEqual(text_of(cut), "too long")
        filtered = self.complete("sandbox-content-filter", "bad words")
        self.assertEqual((filtered["status"], filtered["incomplete_details"]),
                         ("incomplete", {"reason": "content_filter"}))
        refused = self.complete("sandbox-refusal", "please")
        self.assertEqual(refused["output"][-1]["content"][0]["type"], "refusal")
        empty = self.complete("sandbox-empty", "anything")
        self.assertEqual((empty["status"], text_of(empty)), ("completed", ""))
        self.assertEqual(text_of(self.complete("sandbox-reasoning", "think")), "think")
        self.assertEqual(len(text_of(self.complete("sandbox-long:300000", "x"))), 300_000)

    def test_usage_is_the_models_own_or_an_honest_estimate(self):
        told = self.complete("sandbox-usage:1000:500", "x")["usage"]
        self.assertEqual((told["input_tokens"], told["output_tokens"]), (1000, 500))
        row = self.platform.logs()[0]
        # 1000 tokens at 2.50 and 500 at 10 US dollars per million.
        self.assertEqual(micros(row["estimated_cost_usd"]), 7_500)
        self.assertEqual(micros(self.platform.transactions()[0]["amount"]), -7_500)
        guessed = self.complete("sandbox-no-usage", "x" * 400)["usage"]
        self.assertGreater(guessed["input_tokens"], 0)
        self.assertGreater(guessed["output_tokens"], 0)
        row = self.platform.logs()[0]
        self.assertNotEqual(row["token_count_method"], "provider")
        self.assertGreater(micros(row["estimated_cost_usd"]), 0)

    def test_servers_with_other_habits_are_understood(self):
        self.assertEqual(text_of(self.complete("sandbox-echo+no-done", "odd")), "odd")
        # Without a finish reason it cannot be told from a broken one, whatever [DONE] says.
        self.assert_status(self.user.respond("sandbox-echo+no-finish", "odd"), 502,
                           "upstream_failed")
        odd = self.complete("sandbox-parallel+same-index+crlf+comments+one-byte",
                            calls_text(issue("Odd 1"), issue("Odd 2")), tools=self.user.tools())
        self.assertEqual(kinds(odd), ["mcp_list_tools", "mcp_call", "mcp_call", "message"])
        whole = self.complete("sandbox-issue+no-index+whole-calls+finish-stop+usage-in-choice",
                              "open one in octocat/hello-world titled Odd 3",
                              tools=self.user.tools())
        self.assertEqual(kinds(whole), ["mcp_list_tools", "mcp_call", "message"])
        for title in ("Odd 1", "Odd 2", "Odd 3"):
            self.assertEqual(self.sandbox.issues().get(title), 1, title)

    # -- tools -----------------------------------------------------------------

    def test_a_tool_call_is_made_and_told(self):
        response = self.complete("sandbox-issue", "open one in octocat/hello-world titled Real",
                                 tools=self.user.tools())
        self.assertEqual(kinds(response), ["mcp_list_tools", "mcp_call", "message"])
        listed, call, message = response["output"]
        self.assertRegex(listed["id"], r"^mcpl_")
        self.assertEqual((listed["server_label"], len(listed["tools"])), ("github", 10))
        self.assertRegex(call["id"], r"^mcp_")
        self.assertEqual((call["server_label"], call["name"], call["status"], call["error"],
                          call["approval_request_id"]),
                         ("github", "github_create_issue", "completed", None, None))
        self.assertEqual(json.loads(call["arguments"])["title"], "Real")
        self.assertIn("Issue #", call["output"])
        self.assertIn("Issue #", message["content"][0]["text"])
        self.assertEqual(self.sandbox.issues()["Real"], 1)
        self.assertNotIn(self.user.key, json.dumps(response))
        self.assertNotIn("authorization", json.dumps(response["tools"]))
        for asked in self.sandbox.requests(MODEL_POST, secrets=True):
            self.assertNotIn(self.user.key, json.dumps(asked))

    def test_a_stream_has_the_documented_order_and_ends_with_done(self):
        with self.user.stream("sandbox-issue", "open one in octocat/hello-world titled Streamed",
                              tools=self.user.tools()) as stream:
            self.assertEqual(stream.status, 200)
            self.assertEqual(stream.headers.get_content_type(), "text/event-stream")
            events = list(stream.events())
        self.assertEqual(events.pop().data, "[DONE]")
        names = []
        for number, event in enumerate(events):
            body = event.json()
            self.assertEqual((body["type"], body["sequence_number"]), (event.name, number))
            if not (names and names[-1] == event.name == "response.output_text.delta"):
                names.append(event.name)
        self.assertEqual(names, ONE_CALL_STREAM)
        final = events[-1].json()["response"]
        self.assertEqual(kinds(final), ["mcp_list_tools", "mcp_call", "message"])
        for event in events:
            body = event.json()
            if "output_index" in body:
                item = final["output"][body["output_index"]]
                self.assertEqual(body.get("item_id", body.get("item", {}).get("id")), item["id"])
        text = "".join(x.json()["delta"] for x in events if x.name == "response.output_text.delta")
        self.assertEqual(text, text_of(final))

    def test_parallel_calls_all_run_and_one_failure_stops_nothing(self):
        response = self.complete(
            "sandbox-parallel", calls_text(issue("P 1"), issue("P 2", repo="no-such"),
                                           issue("P 3")), tools=self.user.tools())
        calls = [x for x in response["output"] if x["type"] == "mcp_call"]
        self.assertEqual([x["status"] for x in calls], ["completed", "failed", "completed"])
        self.assertEqual([json.loads(x["arguments"])["title"] for x in calls],
                         ["P 1", "P 2", "P 3"])
        self.assertTrue(calls[1]["error"])
        self.assertEqual(response["status"], "completed")
        self.assertEqual([self.sandbox.issues().get(f"P {i}") for i in (1, 2, 3)], [1, None, 1])

    def test_a_function_call_returns_at_once_and_the_mcp_calls_beside_it_do_not_run(self):
        used = self.platform.usage()["free_calls_used"]
        for function in (FUNCTION, NESTED_FUNCTION):
            response = self.complete(
                "sandbox-mixed", calls_text({"name": "get_weather", "arguments": {"city": "Ulm"}},
                                            issue("Not made")),
                tools=[function, *self.user.tools()])
            self.assertEqual(kinds(response), ["mcp_list_tools", "function_call"])
            call = response["output"][-1]
            self.assertRegex(call["id"], r"^fc_")
            self.assertEqual((call["name"], json.loads(call["arguments"]), call["status"]),
                             ("get_weather", {"city": "Ulm"}, "completed"))
        self.assertNotIn("Not made", self.sandbox.issues())
        self.assertEqual(self.sandbox.requests(ISSUE_POST), [])
        self.assertEqual(self.platform.usage()["free_calls_used"], used)

    def test_the_client_answers_a_function_call_by_reference_or_with_the_history(self):
        first = self.complete("sandbox-function", "Weather? args: {\"city\": \"Ulm\"}",
                              tools=[FUNCTION])
        call = first["output"][-1]
        self.assertEqual(call["type"], "function_call")
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "Sunny."}
        by_id = self.complete("sandbox-function", [output], tools=[FUNCTION],
                              previous_response_id=first["id"])
        self.assertEqual(by_id["previous_response_id"], first["id"])
        history = [{"role": "user", "content": "Weather?"}, call, output]
        by_hand = self.complete("sandbox-function", history, tools=[FUNCTION])
        for response in (by_id, by_hand):
            self.assertIn("Sunny.", text_of(response))
        lost = self.user.respond("sandbox-function", [dict(output, call_id="call_lost")],
                                 tools=[FUNCTION])
        self.assert_status(lost, 422, "validation_error")

    def test_a_conversation_belongs_to_its_user(self):
        first = self.complete("sandbox-echo", "mine")
        neighbour = self.platform.end_user()
        for user in (neighbour, self.world.platform().end_user()):
            answer = user.respond("sandbox-echo", "x", previous_response_id=first["id"])
            self.assert_status(answer, 404, "not_found", "previous_response_id")
            self.assert_status(user.api("GET", f"/v1/responses/{first['id']}"), 404, "not_found")
        read = self.user.api("GET", f"/v1/responses/{first['id']}")
        self.assertEqual(read.json()["id"], first["id"])
        items = self.user.api("GET", f"/v1/responses/{first['id']}/input_items").json()["data"]
        self.assertEqual(items[0]["role"], "user")
        gone = self.user.api("DELETE", f"/v1/responses/{first['id']}")
        self.assertTrue(gone.json()["deleted"])
        self.assert_status(self.user.api("GET", f"/v1/responses/{first['id']}"), 404, "not_found")
        kept_nowhere = self.complete("sandbox-echo", "secret", store=False)
        self.assert_status(self.user.api("GET", f"/v1/responses/{kept_nowhere['id']}"), 404,
                           "not_found")

    def test_a_loop_that_never_ends_is_stopped_after_ten_turns(self):
        args = json.dumps({"owner": "octocat", "repo": "hello-world", "issue_number": 1})
        answer = self.user.respond("sandbox-loop:github_get_issue", f"args: {args}",
                                   tools=self.user.tools())
        self.assert_status(answer, 500, "max_iterations_exceeded")
        self.assertEqual(answer.error["type"], "server_error")
        self.assertEqual(answer.headers["x-should-retry"], "false")
        self.assertEqual(len(self.sandbox.requests(MODEL_POST)), 10)
        self.assertEqual(len(self.sandbox.requests("GET /github/api/repos/*/issues/1")), 9)
        id_ = answer.headers["X-Request-Id"]
        rows = self.node.sql("SELECT count(*) FROM hold JOIN ledger ON hold_id = hold.id WHERE "
                             f"request_id = '{id_}' AND kind = 'llm'")
        self.assertEqual(rows, [["10"]])
        with self.user.stream("sandbox-loop:github_get_issue", f"args: {args}",
                              tools=self.user.tools()) as stream:
            last = [x for x in stream.events() if x.data != "[DONE]"][-1]
        self.assertEqual(last.name, "response.failed")
        self.assertEqual(last.json()["response"]["error"]["code"], "max_iterations_exceeded")

    def test_bad_calls_of_the_model_are_answered_to_the_model(self):
        bad = self.failed_call(self.complete("sandbox-badargs", "x", tools=self.user.tools()))
        self.assertIn("JSON", bad["error"] if isinstance(bad["error"], str)
                      else json.dumps(bad["error"]))
        madeup = self.complete("sandbox-madeup", "x", tools=self.user.tools())
        self.assertEqual(madeup["status"], "completed")
        self.assertIn("no_such_tool", text_of(madeup))
        self.assertEqual(self.sandbox.requests("* /github/*"), [])

    def test_allowed_tools_and_tool_choice_limit_the_model(self):
        tools = [{**self.user.tools()[0], "allowed_tools": ["github_get_issue"]}]
        listed = self.complete("sandbox-echo", "x", tools=tools)["output"][0]
        self.assertEqual([x["name"] for x in listed["tools"]], ["github_get_issue"])
        asked = json.loads(self.sandbox.requests(MODEL_POST)[-1]["body"])
        self.assertEqual([x["function"]["name"] for x in asked["tools"]], ["github_get_issue"])
        none = self.complete("sandbox-issue", "open one in octocat/hello-world titled None",
                             tools=self.user.tools(), tool_choice="none")
        self.assertNotIn("mcp_call", kinds(none))
        self.assertNotIn("None", self.sandbox.issues())

    def test_tool_items_are_checked_before_anything_happens(self):
        good = self.user.tools()[0]
        neighbour = self.platform.connected_user()
        for change, code, param in (
                ({"server_label": None}, "validation_error", "tools[0].server_label"),
                ({"server_label": "myspace"}, "validation_error", "tools[0].server_label"),
                ({"server_url": "https://evil.example/mcp/github"}, "validation_error",
                 "tools[0].server_url"),
                ({"server_url": good["server_url"].replace("github", "slack")},
                 "validation_error", "tools[0].server_url"),
                ({"authorization": None}, "validation_error", "tools[0].authorization"),
                ({"authorization": "Bearer nonsense"}, "invalid_authorization",
                 "tools[0].authorization"),
                ({"authorization": f"Bearer {neighbour.key}"}, "invalid_authorization",
                 "tools[0].authorization"),
                ({"authorization": self.platform.key}, "invalid_authorization",
                 "tools[0].authorization"),
                ({"require_approval": "always"}, "validation_error",
                 "tools[0].require_approval")):
            with self.subTest(change=str(change)[:70]):
                item = {k: v for k, v in {**good, **change}.items() if v is not None}
                answer = self.user.respond("sandbox-echo", "x", tools=[item])
                self.assert_status(answer, 422, code, param)
        idle = self.platform.end_user()
        answer = idle.respond("sandbox-echo", "x", tools=[{**good, "authorization": idle.key}])
        self.assert_status(answer, 422, "app_not_connected", "tools[0]")
        twice = self.user.respond("sandbox-echo", "x", tools=[good, good])
        self.assert_status(twice, 422, "validation_error")
        same = self.user.respond("sandbox-echo", "x", tools=[
            good, {"type": "function", "name": "github_create_issue"}])
        self.assert_status(same, 422, "validation_error")
        self.assertEqual(self.sandbox.requests(MODEL_POST), [])
        bare = self.complete("sandbox-echo", "bare", tools=[
            {**good, "authorization": self.user.key, "require_approval": "never"}])
        self.assertEqual(text_of(bare), "bare")

    # -- trouble upstream ------------------------------------------------------

    def test_a_model_server_in_trouble_costs_nothing_and_is_told(self):
        before = self.platform.balance()
        for model, status, code in (("sandbox-error-500", 502, "upstream_failed"),
                                    ("sandbox-error-429", 429, "rate_limit_exceeded"),
                                    ("sandbox-error-400", 400, "bad_request"),
                                    ("sandbox-error-401", 502, "upstream_failed"),
                                    ("sandbox-garbage", 502, "upstream_failed"),
                                    ("sandbox-die", 502, "upstream_failed"),
                                    ("sandbox-error-midstream", 502, "upstream_failed")):
            with self.subTest(model=model):
                answer = self.user.respond(model, "x" * 100)
                self.assert_status(answer, status, code)
                self.assertNotIn("sandbox-model-secret-key", answer.text)
        self.assertEqual(self.platform.balance(), before)
        settled(self.platform)
        self.assert_money_is_exact()

    def test_a_stream_that_breaks_upstream_ends_with_response_failed(self):
        before = self.platform.balance()
        for model in ("sandbox-die", "sandbox-error-midstream", "sandbox-garbage"):
            with self.subTest(model=model), self.user.stream(model, "x" * 100) as stream:
                events = [x for x in stream.events() if x.data != "[DONE]"]
                self.assertEqual(events[0].name, "response.created")
                self.assertEqual(events[-1].name, "response.failed")
                response = events[-1].json()["response"]
                self.assertEqual(response["status"], "failed")
                self.assertTrue(response["error"]["code"])
        self.assertEqual(self.platform.balance(), before)
        settled(self.platform)

    def test_a_model_server_that_is_not_there_is_502(self):
        self.node.cli("model", "set", "gone", "--base-url", "http://127.0.0.1:1/v1", "--free")
        answer = self.user.respond("gone", "x")
        self.assert_status(answer, 502, "upstream_unavailable")


class ChatCompletions(SystemTest):
    """The older API (I41, R115)."""

    models = ("sandbox-echo", "sandbox-function", "sandbox-error-500", "sandbox-usage:100:50")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform = cls.world.platform()
        cls.user = cls.platform.connected_user()

    def chat(self, model, text="hi", **fields):
        return self.user.api("POST", "/v1/chat/completions", {
            "model": model, "messages": [{"role": "user", "content": text}], **fields})

    def test_a_completion_has_the_official_shape_and_is_paid_for(self):
        answer = self.chat("sandbox-usage:100:50", "hello")
        body = self.assert_status(answer, 200).json()
        self.assertEqual(body["object"], "chat.completion")
        self.assertEqual(body["choices"][0]["message"]["content"], "hello")
        self.assertEqual(body["choices"][0]["finish_reason"], "stop")
        self.assertEqual(body["usage"]["total_tokens"], 150)
        row = self.platform.logs()[0]
        self.assertEqual((row["request_type"], micros(row["estimated_cost_usd"])),
                         ("chat.completion", 750))

    def test_a_streamed_completion_has_usage_when_asked_for(self):
        with Stream("POST", f"{self.node.api}/v1/chat/completions", self.user.key, {
                "model": "sandbox-echo", "stream": True, "stream_options": {"include_usage": True},
                "messages": [{"role": "user", "content": "hello streamed world"}]}) as stream:
            events = list(stream.events())
        self.assertEqual(events.pop().data, "[DONE]")
        chunks = [x.json() for x in events]
        text = "".join(c["delta"].get("content") or "" for x in chunks for c in x["choices"])
        self.assertEqual(text, "hello streamed world")
        self.assertGreater(chunks[-1]["usage"]["total_tokens"], 0)

    def test_function_tools_work_and_mcp_tools_are_refused(self):
        body = self.chat("sandbox-function", "args: {\"city\": \"Ulm\"}",
                         tools=[NESTED_FUNCTION]).json()
        call = body["choices"][0]["message"]["tool_calls"][0]
        self.assertEqual(json.loads(call["function"]["arguments"]), {"city": "Ulm"})
        self.assertEqual(body["choices"][0]["finish_reason"], "tool_calls")
        refused = self.chat("sandbox-echo", tools=self.user.tools())
        self.assert_status(refused, 422, "validation_error", "tools[0].type")

    def test_mistakes_and_trouble_have_their_statuses(self):
        self.assert_status(self.chat("gpt-none"), 404, "model_not_found", "model")
        self.assert_status(self.chat("sandbox-error-500"), 502, "upstream_failed")
        empty = self.user.api("POST", "/v1/chat/completions", {"model": "sandbox-echo"})
        self.assert_status(empty, 422, "validation_error", "messages")
        settled(self.platform)
        self.assert_money_is_exact()


if __name__ == "__main__":
    main()
