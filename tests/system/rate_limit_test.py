"""Rate limits, and header fields that tell about limits, money and time (I15, I35, section 2A)."""

import re
import time
import urllib.parse

from cases import SystemTest, main
from harness import Stream, eventually, fetch
from tenants import micros

NOTHING = {"rpm_limit": None, "tpm_limit": None, "rpd_limit": None}
DAY_SECONDS = 24 * 60 * 60


def until_midnight():
    """Seconds until the UTC day ends."""
    return DAY_SECONDS - int(time.time()) % DAY_SECONDS


def opening(title):
    """What makes the sandbox's model open an issue."""
    return f"open one in octocat/hello-world titled {title}"


class RateLimits(SystemTest):
    """Who may do how much, and what the next request hears."""

    models = ("sandbox-echo", "sandbox-issue")

    def limit(self, user, **limits):
        return user.platform.ask("PUT", f"/end-users/{user.id}/rate-limits", limits)

    def chat(self, user, **fields):
        return user.api("POST", "/v1/chat/completions", {
            "model": "sandbox-echo", "messages": [{"role": "user", "content": "Hi"}], **fields})

    def assert_limited(self, answer, limit, longest=65):
        self.assert_status(answer, 429, "rate_limit_exceeded")
        self.assertEqual(answer.error["type"], "rate_limit_error")
        self.assertEqual(answer.error["limit"], limit)
        wait = int(answer.headers["Retry-After"])
        self.assertTrue(1 <= wait <= longest, wait)
        self.assertEqual(answer.headers["x-should-retry"], "false" if wait > 60 else None)
        kind = "tokens" if limit == "tpm_limit" else "requests"
        self.assertEqual(answer.headers[f"x-ratelimit-remaining-{kind}"], "0")
        self.assertRegex(answer.headers[f"x-ratelimit-reset-{kind}"], r"^(\d+h)?(\d+m)?\d+s$")
        return answer

    # -- settings ----------------------------------------------------------------

    def test_limits_are_kept_per_user_with_the_platforms_defaults(self):
        platform = self.world.platform()
        user, other = platform.end_user(), platform.end_user()
        path = f"/end-users/{user.id}/rate-limits"

        def mine():
            shown = user.api("GET", "/v1/me/rate-limits").json()
            self.assertEqual(shown, platform.ask("GET", path))
            return shown

        self.assertEqual(mine(), {**NOTHING, "resolution": "none"})
        kept = platform.settings(default_rate_limits={"rpm_limit": 60, "rpd_limit": 1000})
        self.assertEqual(kept["settings"]["default_rate_limits"],
                         {"rpm_limit": 60, "tpm_limit": None, "rpd_limit": 1000})
        self.assertEqual(mine(), {"rpm_limit": 60, "tpm_limit": None, "rpd_limit": 1000,
                                  "resolution": "default"})
        own = {"rpm_limit": None, "tpm_limit": 5000, "rpd_limit": None, "resolution": "explicit"}
        self.assertEqual(self.limit(user, tpm_limit=5000), own)
        self.assertEqual(mine(), own)
        self.assertEqual(other.api("GET", "/v1/me/rate-limits").json()["resolution"], "default")
        platform.settings(strict=True)  # says nothing about limits
        self.assertEqual(other.api("GET", "/v1/me/rate-limits").json()["rpm_limit"], 60)
        platform.ask("DELETE", path)
        self.assertEqual(mine()["resolution"], "default")
        self.assert_status(platform.call("DELETE", path), 404, "not_found")
        platform.settings(default_rate_limits={})
        self.assertEqual(mine(), {**NOTHING, "resolution": "none"})

    def test_bad_limits_and_strangers_are_refused(self):
        platform, stranger = self.world.platform(), self.world.platform()
        user = platform.end_user()
        path = f"/end-users/{user.id}/rate-limits"
        for body, param in (({"rpm_limit": 0}, "rpm_limit"), ({"tpm_limit": "9"}, "tpm_limit"),
                            ({"rpd_limit": 1.5}, "rpd_limit")):
            self.assert_status(platform.call("PUT", path, body), 422, "validation_error", param)
        bad = {"settings": {"default_rate_limits": {"rpm_limit": -1}}}
        self.assert_status(platform.call("PATCH", "", bad), 422, "validation_error",
                           "settings.default_rate_limits.rpm_limit")
        self.assert_status(stranger.call("PUT", path, {"rpm_limit": 1}), 404, "not_found")
        self.assert_status(stranger.call("GET", path), 404, "not_found")
        self.assert_status(platform.call("PUT", path, {"rpm_limit": 1}, key=user.key), 403)
        me = f"{self.node.api}/v1/me/rate-limits"
        self.assert_status(fetch("GET", me, platform.key), 403, "forbidden")
        preflight = fetch("OPTIONS", me, headers={"Origin": "https://app.example",
                                                  "Access-Control-Request-Method": "GET"})
        self.assertEqual(preflight.status, 204)

    # -- requests ----------------------------------------------------------------

    def test_requests_a_minute_over_every_way_in(self):
        platform = self.world.platform()
        user, other = platform.connected_user(), platform.end_user()
        session = user.session()
        self.limit(user, rpm_limit=3)
        first = user.respond("sandbox-echo", "one")
        self.assert_status(first, 200)
        self.assertEqual((first.headers["x-ratelimit-limit-requests"],
                          first.headers["x-ratelimit-remaining-requests"]), ("3", "2"))
        self.assertIsNone(first.headers["x-ratelimit-limit-tokens"])
        self.assertEqual(self.chat(user).headers["x-ratelimit-remaining-requests"], "1")
        called = session.create_issue("The third")
        self.assert_tool_text(called, "Issue #")
        self.assertEqual(called.headers["x-ratelimit-remaining-requests"], "0")
        before = platform.balance()
        issues = len(self.sandbox.issues())
        self.assert_limited(user.respond("sandbox-echo", "four"), "rpm_limit")
        self.assert_limited(self.chat(user), "rpm_limit")
        with user.stream("sandbox-echo", "four") as stream:
            self.assertEqual(stream.status, 429)
        refused = session.create_issue("Never made")
        self.assertEqual(refused.status, 200)
        data = refused.json()["error"]["data"]
        self.assertEqual(data["code"], "rate_limit_exceeded")
        self.assertTrue(1 <= data["retry_after"] <= 65)
        self.assertEqual(refused.headers["x-ratelimit-remaining-requests"], "0")
        self.assertEqual(session.ask("tools/list").status, 200)
        self.assertIn("result", session.ask("tools/list").json())
        self.assertEqual((platform.balance(), platform.held()), (before, 0))
        self.assertEqual(len(self.sandbox.issues()), issues)
        # Nobody else is touched, and a new limit holds at once.
        self.assert_status(other.respond("sandbox-echo", "mine"), 200)
        self.assert_status(fetch("POST", f"{self.node.api}/v1/responses", platform.key,
                                 {"model": "sandbox-echo", "input": "mine"}), 200)
        self.limit(user, rpm_limit=4)
        self.assert_status(user.respond("sandbox-echo", "four"), 200)
        self.assert_limited(user.respond("sandbox-echo", "five"), "rpm_limit")
        platform.ask("DELETE", f"/end-users/{user.id}/rate-limits")
        self.assert_status(user.respond("sandbox-echo", "five"), 200)
        self.assert_money_is_exact()

    def test_a_loop_is_one_request(self):
        platform = self.world.platform()
        user = platform.connected_user()
        self.limit(user, rpm_limit=2)
        answer = user.respond("sandbox-issue", opening("Loop"), tools=user.tools())
        self.assert_status(answer, 200)
        self.assertEqual(answer.headers["x-ratelimit-remaining-requests"], "1")
        self.assertGreaterEqual(len(platform.logs()), 2)

    def test_tokens_a_minute(self):
        platform = self.world.platform()
        user = platform.end_user()
        self.limit(user, tpm_limit=2000)
        text = "word " * 600
        first = user.respond("sandbox-echo", text)
        self.assert_status(first, 200)
        self.assertEqual(first.headers["x-ratelimit-limit-tokens"], "2000")
        self.assertIsNone(first.headers["x-ratelimit-limit-requests"])
        used = first.json()["usage"]["total_tokens"]
        self.assertGreater(used, 600)
        refused = self.assert_limited_tokens(user, text)
        # The real number stands in place of the estimate.
        self.assertEqual(refused.error["rate_limits"]["tokens"]["remaining"], 2000 - used)

    def assert_limited_tokens(self, user, text):
        refused = user.respond("sandbox-echo", text)
        self.assert_status(refused, 429, "rate_limit_exceeded")
        self.assertEqual(refused.error["limit"], "tpm_limit")
        return refused

    def test_requests_a_day_outlive_the_node(self):
        if until_midnight() < 60:
            self.skipTest("the UTC day ends while this test would run")
        platform = self.world.platform()
        user, other = platform.end_user(), platform.end_user()
        platform.settings(default_rate_limits={"rpd_limit": 4})
        self.assert_status(user.respond("sandbox-echo", "1"), 200)
        self.assert_status(user.respond("sandbox-echo", "2"), 200)
        # In order: nothing is lost, not even of the last second.
        self.node.program.terminate()
        self.node.start()
        self.assertEqual(self.chat(user).headers["x-ratelimit-remaining-requests"], "1")
        # Killed: what is older than a second is not lost.
        eventually(lambda: self.stored(user) == 3, 5, what="the count to be stored")
        self.node.kill9()
        self.node.start()
        last = user.respond("sandbox-echo", "4")
        self.assert_status(last, 200)
        self.assertEqual(last.headers["x-ratelimit-remaining-requests"], "0")
        refused = self.assert_limited(user.respond("sandbox-echo", "5"), "rpd_limit", DAY_SECONDS)
        self.assertAlmostEqual(int(refused.headers["Retry-After"]), until_midnight(), delta=5)
        self.assert_status(other.respond("sandbox-echo", "1"), 200)

    def stored(self, user):
        rows = self.node.sql("SELECT coalesce(sum(requests), 0) FROM request_day "
                             f"WHERE end_user_id = '{user.id}'")
        return int(rows[0][0])


class Headers(SystemTest):
    """What an answer costs, what is left, and how long it was here."""

    models = ("sandbox-echo", "sandbox-slow:300", "sandbox-issue")

    def overhead(self, answer):
        text = answer.headers["x-callboard-overhead-ms"]
        self.assertRegex(text, r"^\d+\.\d{3}$")
        return float(text)

    def as_platform(self, platform, path, body):
        return fetch("POST", self.node.api + path, platform.key, body)

    def test_a_platform_sees_cost_and_balance(self):
        platform = self.world.platform()
        for path, body in (("/v1/responses", {"input": "Hi"}),
                           ("/v1/chat/completions", {"messages": [{"role": "user",
                                                                   "content": "Hi"}]})):
            before = platform.balance()
            answer = self.as_platform(platform, path, {"model": "sandbox-echo", **body})
            self.assert_status(answer, 200)
            cost = micros(answer.headers["x-callboard-cost-usd"])
            self.assertGreater(cost, 0)
            self.assertEqual(platform.balance(), before - cost)
            self.assertEqual(micros(answer.headers["x-callboard-balance-usd"]), before - cost)
            self.overhead(answer)

    def test_an_end_user_sees_the_cost_and_not_the_wallet(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=1)
        user = platform.connected_user()
        before = platform.balance()
        answer = user.respond("sandbox-issue", opening("Cost"), tools=user.tools())
        self.assert_status(answer, 200)
        self.assertEqual(before - platform.balance(),
                         micros(answer.headers["x-callboard-cost-usd"]))
        self.assertIsNone(answer.headers["x-callboard-balance-usd"])
        session = user.session()
        paid = session.create_issue("Paid")
        self.assertEqual(paid.headers["x-callboard-cost-usd"], "0.001000")
        self.assertIsNone(paid.headers["x-callboard-balance-usd"])
        self.assertLess(self.overhead(paid), 1000)
        self.assertIsNone(session.ask("tools/list").headers["x-callboard-cost-usd"])

    def test_waiting_for_the_model_is_no_overhead(self):
        platform = self.world.platform()
        begun = time.monotonic()
        answer = self.as_platform(platform, "/v1/responses",
                                  {"model": "sandbox-slow:300", "input": "a b c"})
        spent = (time.monotonic() - begun) * 1000
        self.assert_status(answer, 200)
        self.assertGreater(spent, 300)
        self.assertLess(self.overhead(answer), spent - 250)

    def test_a_stream_tells_its_overhead_before_the_first_byte(self):
        platform = self.world.platform()
        with Stream("POST", f"{self.node.api}/v1/responses", platform.key,
                    {"model": "sandbox-echo", "input": "Hi", "stream": True}) as stream:
            self.assertEqual(stream.status, 200)
            self.overhead(stream)
            self.assertIsNone(stream.headers["x-callboard-cost-usd"])
            self.assertTrue(any(x.name == "response.completed" for x in stream.events()))


class Logs(SystemTest):
    """GET /logs against the published list of fields (I28)."""

    models = ("sandbox-echo", "sandbox-issue")
    FIELDS = {"id", "platform_id", "end_user_id", "request_type", "provider_id", "model_id",
              "provider_model_id", "prompt_tokens", "completion_tokens", "total_tokens",
              "latency_ms", "estimated_cost_usd", "status", "error_message",
              "token_count_method", "billing_status", "metadata", "created_at"}

    def test_every_row_has_every_field_and_filters_choose(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=0)
        user, other = platform.connected_user(), platform.end_user()
        self.assert_status(user.respond("sandbox-issue", opening("Log"), tools=user.tools()), 200)
        self.assert_tool_text(user.session().create_issue("Direct"), "Issue #")
        self.assert_status(other.api("POST", "/v1/chat/completions", {
            "model": "sandbox-echo", "messages": [{"role": "user", "content": "Hi"}]}), 200)
        model_host = urllib.parse.urlsplit(self.sandbox.model_url).hostname
        rows = platform.logs()
        kinds = sorted(x["request_type"] for x in rows)
        self.assertEqual(kinds, ["chat.completion", "mcp_tool", "mcp_tool", "response",
                                 "response"])
        for row in rows:
            self.assertLessEqual(self.FIELDS, set(row), row)
            self.assertEqual(row["platform_id"], platform.id)
            self.assertEqual(row["total_tokens"], row["prompt_tokens"] + row["completion_tokens"])
            self.assertRegex(row["estimated_cost_usd"], r"^\d+\.\d{6}$")
            self.assertEqual((row["status"], row["billing_status"]), ("success", "billed"))
            self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", row["created_at"]))
            if row["request_type"] == "mcp_tool":
                self.assertEqual((row["provider_id"], row["model_id"]),
                                 ("github", "github_create_issue"))
                self.assertEqual(row["token_count_method"], "none")
            else:
                self.assertEqual(row["provider_id"], model_host)
                self.assertEqual(row["provider_model_id"], row["model_id"])
                self.assertEqual(row["token_count_method"], "provider")

        def chosen(query):
            page = platform.ask("GET", f"/logs?{query}")
            self.assertEqual(page["total"], len(page["data"]))
            return [x["id"] for x in page["data"]]

        self.assertEqual(chosen(f"end_user_id={other.id}"),
                         [x["id"] for x in rows if x["end_user_id"] == other.id])
        self.assertEqual(chosen("model=github_create_issue"),
                         [x["id"] for x in rows if x["request_type"] == "mcp_tool"])
        self.assertEqual(chosen(f"model=sandbox-echo&end_user_id={user.id}"), [])
        second = platform.ask("GET", "/logs?page=2&limit=2")
        self.assertEqual((second["page"], second["limit"], second["total"]), (2, 2, 5))
        self.assertEqual([x["id"] for x in second["data"]], [x["id"] for x in rows[2:4]])
        self.assertEqual(self.world.platform().logs(), [])


if __name__ == "__main__":
    main()
