"""Money on the wire (R128, R130, R136 to R140, I17 to I28, C27)."""

import concurrent.futures
import datetime
import json
import time
import unittest

from cases import SystemTest, main
from harness import Stream, connections_to, eventually, port_of
from tenants import micros, settled

ISSUE_POST = "POST /github/api/repos/octocat/hello-world/issues"
MODEL_POST = "POST /model/v1/chat/completions"
PRICE = 1_000


class FreeTier(SystemTest):
    """The first calls of a month are free, exactly."""

    models = ("sandbox-parallel",)

    def test_free_calls_leave_no_row_and_the_next_one_leaves_two(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=3)
        session = platform.connected_user().session()
        before = platform.balance()
        for i in range(3):
            self.assert_tool_text(session.create_issue(f"Free {i}"), "Issue #")
            self.assertEqual(platform.usage()["free_calls_left"], 2 - i)
        self.assertEqual(platform.logs(), [])
        self.assertEqual([x["type"] for x in platform.transactions()], ["top_up"])
        self.assertEqual(platform.balance(), before)
        paid = session.create_issue("Paid", **{"X-Request-Id": "the-paid-one"})
        self.assert_tool_text(paid, "Issue #")
        row = platform.transactions()[0]
        self.assertEqual((row["type"], micros(row["amount"]), micros(row["balance_after"])),
                         ("mcp_usage", -PRICE, before - PRICE))
        log = platform.logs()
        self.assertEqual(len(log), 1)
        self.assertEqual((log[0]["request_type"], log[0]["model_id"],
                          micros(log[0]["estimated_cost_usd"])),
                         ("mcp_tool", "github_create_issue", PRICE))
        usage = platform.usage()
        self.assertEqual((usage["free_calls_used"], usage["free_calls_left"]), (3, 0))
        today = datetime.datetime.now(datetime.timezone.utc)
        self.assertEqual(usage["month"], today.strftime("%Y-%m"))
        self.assert_money_is_exact()

    def test_the_default_is_a_hundred_free_calls(self):
        usage = self.world.platform().usage()
        self.assertEqual((usage["free_calls_limit"], usage["free_calls_left"]), (100, 100))

    def test_parallel_calls_get_exactly_the_free_ones(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=20)
        users = [platform.connected_user() for _ in range(3)]
        sessions = [user.session() for user in users for _ in range(2)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda i: sessions[i % 6].create_issue(f"Race {i}")
                                    if i % 2 else
                                    users[i % 3].session().create_issue(f"Race {i}"), range(50)))
        for answer in answers:
            self.assert_tool_text(answer, "Issue #")
        settled(platform)
        self.assertEqual(platform.usage()["free_calls_used"], 20)
        paid = [x for x in platform.transactions() if x["type"] == "mcp_usage"]
        self.assertEqual(len(paid), 30)
        self.assertEqual(platform.balance(), 5_000_000 - 30 * PRICE)
        self.assertEqual(len(platform.logs()), 30)
        self.assert_money_is_exact()

    def test_calls_of_a_loop_count_like_direct_ones(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=1)
        user = platform.connected_user()
        calls = [{"name": "github_create_issue", "arguments": {
            "owner": "octocat", "repo": "hello-world", "title": f"Loop {i}"}} for i in range(3)]
        answer = user.respond("sandbox-parallel", f"```{json.dumps(calls)}```",
                              tools=user.tools())
        self.assert_status(answer, 200)
        kinds = [x["type"] for x in platform.transactions()]
        self.assertEqual(sorted(kinds), ["llm_usage"] * 2 + ["mcp_usage"] * 2 + ["top_up"])
        logged = sorted(x["request_type"] for x in platform.logs())
        self.assertEqual(logged, ["mcp_tool"] * 2 + ["response"] * 2)
        self.assert_money_is_exact()

    def test_a_changed_price_is_seen_and_kept_on_the_row(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=0)
        session = platform.connected_user().session()
        self.assert_tool_text(session.create_issue("Cheap"), "Issue #")
        self.node.cli("tool-price", "set", "--tool", "github_create_issue", "--price", "0.25")
        self.addCleanup(self.node.cli, "tool-price", "set", "--tool", "github_create_issue",
                        "--price", "0.001")

        def dear():
            session.create_issue("Dear")
            return micros(platform.transactions()[0]["amount"]) == -250_000

        eventually(dear, 5, 0.3, "the new price")
        self.assertEqual(micros(platform.transactions()[-2]["amount"]), -PRICE)
        self.assert_money_is_exact()


class Wallet(SystemTest):
    """What happens when the money is gone, and who pays when a client leaves."""

    models = ("sandbox-echo", "sandbox-issue", "sandbox-usage:100000:1", "sandbox-slow:400",
              "sandbox-loop:github_get_issue", "sandbox-error-500")

    def test_an_empty_wallet_is_402_before_the_first_turn(self):
        platform = self.world.platform(topup=None)
        user = platform.connected_user()
        self.sandbox.forget_requests()
        answer = user.respond("sandbox-echo", "x")
        self.assert_status(answer, 402, "wallet_insufficient")
        self.assertEqual(answer.error["type"], "payment_required")
        with user.stream("sandbox-echo", "x") as stream:
            self.assertEqual(stream.status, 402)
            self.assertEqual(json.loads(stream.text())["error"]["code"], "wallet_insufficient")
        chat = user.api("POST", "/v1/chat/completions", {
            "model": "sandbox-echo", "messages": [{"role": "user", "content": "x"}]})
        self.assert_status(chat, 402, "wallet_insufficient")
        self.assertEqual(self.sandbox.requests(MODEL_POST), [])
        self.assert_money_is_exact()

    def test_a_paid_tool_call_with_an_empty_wallet_is_a_json_rpc_error(self):
        platform = self.world.platform(topup=None)
        platform.settings(free_calls_per_month=0)
        session = platform.connected_user().session()
        self.sandbox.forget_requests()
        answer = session.create_issue("Unpaid")
        error = self.assert_rpc_error(answer, 200, -32000)
        self.assertEqual(error["data"]["code"], "payment_required")
        self.assertEqual(error["data"]["reason"], "wallet_insufficient")
        self.assertNotIn("param", error["data"])
        self.assertEqual(self.sandbox.requests(ISSUE_POST), [])
        platform.ask("POST", "/wallet/topup", {"amount": "1"})
        self.assert_tool_text(session.create_issue("Paid now"), "Issue #")

    def test_the_crossing_call_completes_and_the_next_is_refused(self):
        platform = self.world.platform(topup="0.10")
        user = platform.end_user()
        # 100,000 input tokens cost 0.25 US dollars, more than there is.
        self.assert_status(user.respond("sandbox-usage:100000:1", "x"), 200)
        self.assertLess(platform.balance(), 0)
        self.assert_status(user.respond("sandbox-echo", "x"), 402, "wallet_insufficient")
        self.assert_money_is_exact()

    def test_a_wallet_drained_in_the_middle_of_a_loop_ends_it(self):
        platform = self.world.platform(topup="0.10")
        user = platform.connected_user()
        args = json.dumps({"owner": "octocat", "repo": "hello-world", "issue_number": 1})
        user.session().create_issue("one")
        self.node.cli("model", "set", "drain", "--base-url", self.sandbox.model_url,
                      "--key-file", str(self.world.model_key_file), "--provider-model",
                      "sandbox-loop:github_get_issue", "--input-price", "400",
                      "--cached-price", "400", "--output-price", "400")
        answer = user.respond("drain", f"args: {args}", tools=user.tools())
        self.assert_status(answer, 402, "payment_required")
        self.assertEqual(answer.error["reason"], "wallet_insufficient")
        self.assertGreaterEqual(len(platform.logs()), 1)
        settled(platform)
        platform.ask("POST", "/wallet/topup", {
            "amount": f"{(100_000 - platform.balance()) / 1e6:.6f}"})
        with user.stream("drain", f"args: {args}", tools=user.tools()) as stream:
            last = [x for x in stream.events() if x.data != "[DONE]"][-1]
        self.assertEqual(last.name, "response.failed")
        self.assertEqual(last.json()["response"]["error"]["code"], "payment_required")
        settled(platform)
        self.assert_money_is_exact()

    def test_a_markup_is_charged(self):
        platform = self.world.platform()
        platform.settings(markup_percentage=20)
        user = platform.end_user()
        user.respond("sandbox-usage:100000:1", "x")
        self.assertEqual(micros(platform.transactions()[0]["amount"]), -300_012)

    def test_a_failed_turn_costs_nothing_and_is_logged_as_such(self):
        platform = self.world.platform()
        user = platform.end_user()
        user.respond("sandbox-error-500", "x")
        self.assertEqual([x["type"] for x in platform.transactions()], ["top_up"])
        self.assertEqual(platform.held(), 0)
        self.assert_money_is_exact()

    def test_a_client_that_leaves_pays_for_what_was_used_and_the_model_is_stopped(self):
        for path in ("responses", "chat"):
            with self.subTest(path=path):
                self.leave(path)

    def leave(self, path):
        platform = self.world.platform()
        user = platform.end_user()
        port = port_of(self.sandbox.url)
        text = "a long story " * 60  # 65 chunks of 400 ms: it would take 26 s
        if path == "chat":
            stream = self.chat_stream(user, text)
        else:
            stream = user.stream("sandbox-slow:400", text)
        deltas = 0
        for event in stream.events():
            deltas += "delta" in event.name or "content" in event.data
            if deltas == 3:
                break
        busy = connections_to(port)
        begun = time.monotonic()
        stream.close()
        settled(platform, 5)
        eventually(lambda: connections_to(port) < busy, 5,
                   what="the connection to the model to be closed")
        self.assertLess(time.monotonic() - begun, 8)
        row = platform.transactions()[0]
        self.assertEqual(row["type"], "llm_usage")
        self.assertLess(micros(row["amount"]), 0)
        log = platform.logs()[0]
        self.assertEqual(log["status"], "client_disconnected")
        self.assertLess(log["completion_tokens"], 100)
        self.assert_money_is_exact()

    def chat_stream(self, user, text):
        return Stream("POST", f"{self.node.api}/v1/chat/completions", user.key, {
            "model": "sandbox-slow:400", "stream": True,
            "messages": [{"role": "user", "content": text}]})

    def test_parallel_turns_are_each_paid_once(self):
        platform = self.world.platform()
        users = [platform.end_user() for _ in range(4)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda i: users[i % 4].respond(
                "sandbox-echo", f"turn {i}", headers={"X-Request-Id": f"turn-{i}"}), range(40)))
        for answer in answers:
            self.assert_status(answer, 200)
        settled(platform)
        rows = self.node.sql("SELECT request_id, count(*) FROM hold JOIN ledger ON hold_id = "
                             f"hold.id WHERE hold.platform_id = '{platform.id}' GROUP BY 1")
        self.assertEqual(sorted(rows), sorted([f"turn-{i}", "1"] for i in range(40)))
        self.assert_money_is_exact()


if __name__ == "__main__":
    main()
