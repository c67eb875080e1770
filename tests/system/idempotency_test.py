"""Requests repeated under one Idempotency-Key (I33): one effect, one charge, one answer."""

import concurrent.futures
import uuid

from cases import SystemTest, main
from harness import eventually, fetch
from tenants import settled

MODEL_POST = "POST /model/v1/chat/completions"
META_KEY = "io.callboard/idempotencyKey"


def keyed(key=None):
    return {"Idempotency-Key": key or uuid.uuid4().hex}


class Management(SystemTest):
    """Mutations of the management API."""

    def test_a_repeated_creation_shows_the_same_key_again(self):
        platform = self.world.platform()
        once = keyed()
        first = platform.call("POST", "/end-users", {"external_id": "u"}, headers=once)
        again = platform.call("POST", "/end-users", {"external_id": "u"}, headers=once)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(again.json(), first.json())
        self.assertIsNone(first.headers["Idempotent-Replayed"])
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual(platform.ask("GET", "/api-keys?type=end_user")["total"], 1)

    def test_a_raw_key_does_not_lie_readable_in_the_database(self):
        platform = self.world.platform()
        made = platform.call("POST", "/end-users", {"external_id": "u"}, headers=keyed())
        raw = made.json()["api_key"]["raw_key"]
        rows = self.node.sql("SELECT encode(secret_sealed, 'escape') FROM idempotency")
        self.assertTrue(rows)
        self.assertNotIn(raw, str(rows))

    def test_the_same_key_on_another_path_or_of_another_platform_is_another_request(self):
        once = keyed()
        one, two = self.world.platform(topup=None), self.world.platform(topup=None)
        for platform in (one, two):
            self.assert_status(
                platform.call("POST", "/wallet/topup", {"amount": "1"}, headers=once), 201)
        self.assert_status(
            one.call("POST", "/end-users", {"external_id": "u"}, headers=once), 201)
        self.assertEqual((one.balance(), two.balance()), (1_000_000, 1_000_000))

    def test_an_id_in_upper_case_names_the_same_request(self):
        platform = self.world.platform(topup=None)
        once = keyed()
        path = f"{platform.id.upper()}/wallet/topup"
        self.assert_status(
            platform.call("POST", "/wallet/topup", {"amount": "1"}, headers=once), 201)
        again = fetch("POST", f"{self.node.api}/v1/platforms/{path}", platform.key,
                      {"amount": "1"}, once)
        self.assert_status(again, 201)
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual(platform.balance(), 1_000_000)

    def test_twenty_at_once_top_up_once(self):
        platform = self.world.platform(topup=None)
        once = keyed()

        def attempt(_):
            return platform.call("POST", "/wallet/topup", {"amount": "1"}, headers=once)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(attempt, range(20)))
        self.assertLessEqual({x.status for x in answers}, {201, 409})
        for answer in answers:
            if answer.status == 409:
                self.assert_status(answer, 409, "request_in_progress")
                self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertEqual(platform.balance(), 1_000_000)
        self.assertEqual(attempt(0).status, 201)
        self.assert_money_is_exact()

    def test_a_refused_request_may_be_mended_under_its_key(self):
        platform = self.world.platform(topup=None)
        once = keyed()
        bad = platform.call("POST", "/wallet/topup", {"amount": "-1"}, headers=once)
        self.assert_status(bad, 422, "validation_error", "amount")
        good = platform.call("POST", "/wallet/topup", {"amount": "1"}, headers=once)
        self.assert_status(good, 201)

    def test_keys_that_cannot_be_kept_are_refused(self):
        platform = self.world.platform(topup=None)
        for key in ("x" * 256, "two words", ""):
            with self.subTest(key=key[:20]):
                answer = platform.call("POST", "/wallet/topup", {"amount": "1"},
                                       headers={"Idempotency-Key": key})
                self.assert_status(answer, 422, "validation_error", "Idempotency-Key")
        self.assertEqual(platform.balance(), 0)


class Responses(SystemTest):
    """POST /v1/responses."""

    models = ("sandbox-echo", "sandbox-issue", "sandbox-slow:300")

    def test_a_repeated_response_is_the_same_and_paid_once(self):
        platform = self.world.platform()
        user = platform.connected_user()
        text = 'Create an issue in octocat/hello-world titled "Once"'
        once = keyed()
        first = user.respond("sandbox-issue", text, once, tools=user.tools())
        again = user.respond("sandbox-issue", text, once, tools=user.tools())
        self.assert_status(first, 200)
        self.assertEqual(again.text, first.text)
        settled(platform)
        kinds = sorted(x["type"] for x in platform.transactions())
        self.assertEqual(kinds, ["llm_usage", "llm_usage", "top_up"])
        self.assertEqual(platform.usage()["free_calls_used"], 1)
        self.assert_money_is_exact()

    def test_a_repeated_stream_has_the_same_events(self):
        user = self.world.platform().connected_user()
        once = keyed()
        texts = []
        for _ in range(2):
            with user.stream("sandbox-echo", "hello", once) as stream:
                self.assertEqual(stream.status, 200)
                texts.append([(x.name, x.data) for x in stream.events()])
        self.assertEqual(texts[1], texts[0])
        self.assertEqual(len(user.platform.logs()), 1)

    def test_a_repeated_answer_does_not_tell_what_the_wallet_had_left_then(self):
        platform = self.world.platform()
        once = keyed()
        body = {"model": "sandbox-echo", "input": "hello"}
        first, again = (fetch("POST", f"{self.node.api}/v1/responses", platform.key, body, once)
                        for _ in range(2))
        self.assertEqual(again.text, first.text)
        name = "x-callboard-balance-usd"
        self.assertEqual((bool(first.headers[name]), again.headers[name]), (True, None))
        name = "x-callboard-cost-usd"
        self.assertEqual(again.headers[name], first.headers[name])

    def test_another_body_under_the_key_is_422_and_another_user_is_another_request(self):
        platform = self.world.platform()
        user, other = platform.connected_user(), platform.connected_user()
        once = keyed()
        self.assert_status(user.respond("sandbox-echo", "one", once), 200)
        self.assert_status(user.respond("sandbox-echo", "two", once), 422, "idempotency_mismatch",
                           "Idempotency-Key")
        self.assert_status(other.respond("sandbox-echo", "two", once), 200)

    def test_whoever_left_gets_the_whole_answer_on_return(self):
        platform = self.world.platform()
        user = platform.connected_user()
        self.sandbox.forget_requests()
        once = keyed()
        with user.stream("sandbox-slow:300", "one two three four", once) as stream:
            next(stream.events())
        answer = eventually(lambda: self.finished(user, once), 20, 0.2, "the kept answer")
        self.assertEqual(answer.headers["Idempotent-Replayed"], "true")
        self.assertIn("response.completed", answer.text)
        self.assertEqual(len(self.sandbox.requests(MODEL_POST)), 1)
        self.assertEqual(len(platform.logs()), 1)
        self.assert_money_is_exact()

    def finished(self, user, once):
        answer = user.respond("sandbox-slow:300", "one two three four", once, stream=True)
        return answer if answer.status == 200 else None

    def assert_one_paid_turn(self, platform):
        settled(platform)
        self.assertEqual([x["type"] for x in platform.transactions()], ["llm_usage", "top_up"])
        self.assert_money_is_exact()

    def test_a_failed_model_costs_nothing_and_the_key_can_be_used_again(self):
        platform = self.world.platform()
        user = platform.connected_user()
        once = keyed()
        self.sandbox.fault(MODEL_POST, "status", status=500, times=1)
        failed = user.respond("sandbox-echo", "hello", once)
        self.assertGreaterEqual(failed.status, 500)
        self.assert_status(user.respond("sandbox-echo", "hello", once), 200)
        self.assert_one_paid_turn(platform)

    def test_a_failed_chat_completion_can_be_repeated_under_its_key(self):
        platform = self.world.platform()
        user = platform.connected_user()
        once = keyed()
        self.sandbox.fault(MODEL_POST, "status", status=500, times=2)

        def chat():
            return user.api("POST", "/v1/chat/completions", {
                "model": "sandbox-echo", "messages": [{"role": "user", "content": "hello"}]}, once)

        for _ in range(2):
            self.assertGreaterEqual(chat().status, 500)
        self.assert_status(chat(), 200)
        self.assert_one_paid_turn(platform)

    def test_a_failed_stream_is_not_the_answer_for_good(self):
        platform = self.world.platform()
        user = platform.connected_user()
        once = keyed()
        self.sandbox.fault(MODEL_POST, "status", status=500, times=1)
        failed = user.respond("sandbox-echo", "hello", once, stream=True)
        self.assertTrue(failed.status >= 500 or "response.failed" in failed.text, failed.text)
        again = user.respond("sandbox-echo", "hello", once, stream=True)
        self.assert_status(again, 200)
        self.assertIn("response.completed", again.text)
        self.assertIsNone(again.headers["Idempotent-Replayed"])
        self.assert_money_is_exact()


class ToolCalls(SystemTest):
    """tools/call, where the key is a header or in _meta and the JSON-RPC id changes."""

    def setUp(self):
        super().setUp()
        self.platform = self.world.platform()
        self.platform.settings(free_calls_per_month=0)
        self.session = self.platform.connected_user().session()

    def issues(self, title):
        return self.sandbox.issues().get(title, 0)

    def test_a_call_repeated_by_header_is_made_and_paid_once(self):
        once = keyed()
        first = self.session.create_issue("By header", **once)
        again = self.session.create_issue("By header", **once)
        self.assert_tool_text(first, "Issue #")
        self.assertEqual(again.json()["result"], first.json()["result"])
        self.assertNotEqual(again.json()["id"], first.json()["id"])
        self.assertIsNone(first.headers["Idempotent-Replayed"])
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        costs = [x.headers["x-callboard-cost-usd"] for x in (first, again)]
        self.assertEqual(costs[1], costs[0])
        self.assertEqual(self.issues("By header"), 1)
        settled(self.platform)
        self.assertEqual(len(self.platform.logs()), 1)
        self.assert_money_is_exact()

    def test_a_call_repeated_by_meta_is_made_and_paid_once_in_any_session(self):
        def call(session):
            return session.ask("tools/call", {
                "name": "github_create_issue", "_meta": {META_KEY: "order-7"},
                "arguments": {"owner": "octocat", "repo": "hello-world", "title": "By meta"}})

        first = call(self.session)
        again = call(self.session.user.session())
        self.assert_tool_text(first, "Issue #")
        self.assertEqual(again.json()["result"], first.json()["result"])
        self.assertEqual(self.issues("By meta"), 1)
        self.assertEqual(len(self.platform.logs()), 1)

    def test_other_arguments_under_the_key_are_refused(self):
        once = keyed()
        self.assert_tool_text(self.session.create_issue("First", **once), "Issue #")
        other = self.session.create_issue("Second", **once)
        self.assertEqual(other.json()["error"]["data"],
                         {"code": "idempotency_mismatch", "param": "Idempotency-Key"})
        self.assertEqual(self.issues("Second"), 0)

    def test_a_call_that_still_runs_is_in_progress(self):
        once = keyed()
        self.sandbox.fault("POST /github/api/*", "delay", delay_ms=1500)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.session.create_issue, "Slow", **once)
            eventually(lambda: "Slow" in str(self.sandbox.requests("POST /github/api/*")))
            early = self.session.create_issue("Slow", **once)
            data = early.json()["error"]["data"]
            self.assertEqual((data["code"], data["retry_after"]), ("request_in_progress", 1))
            self.assert_tool_text(first.result(), "Issue #")
        self.assertEqual(self.issues("Slow"), 1)

    def test_a_free_call_repeated_takes_one_slot(self):
        self.platform.settings(free_calls_per_month=5)
        once = keyed()
        for _ in range(3):
            self.assert_tool_text(self.session.create_issue("Free", **once), "Issue #")
        self.assertEqual(self.platform.usage()["free_calls_used"], 1)
        self.assertEqual(self.platform.logs(), [])


if __name__ == "__main__":
    main()
