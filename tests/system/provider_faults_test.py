"""Providers in trouble (I49 to I52, I72): what callers hear, what it costs, what is repeated."""

import json
import time
import unittest

from cases import SystemTest, main
from harness import connections_to, eventually, port_of
from tenants import settled

ISSUES = "/github/api/repos/octocat/hello-world/issues"
POST, GET = f"POST {ISSUES}", f"GET {ISSUES}/1"


class ProviderFaults(SystemTest):
    """Every call is paid, so that a call that counts shows in the ledger."""

    models = ("sandbox-issue",)

    def setUp(self):
        super().setUp()
        self.sandbox.forget_requests()
        self.platform = self.world.platform()
        self.platform.settings(free_calls_per_month=0)
        self.session = self.platform.connected_user().session()
        self.sandbox.forget_requests()

    def read(self, timeout=60):
        return self.session.call("github_get_issue", {
            "owner": "octocat", "repo": "hello-world", "issue_number": 1}, timeout)

    def assert_counted(self, count):
        settled(self.platform)
        self.assertEqual(len([x for x in self.platform.transactions()
                              if x["type"] == "mcp_usage"]), count)
        self.assert_money_is_exact()

    def test_a_server_error_on_a_write_is_neither_repeated_nor_charged(self):
        for status in (500, 502, 503):
            self.sandbox.fault(POST, "status", status=status, body="<html>oops</html>")
            text = self.assert_tool_text(self.session.create_issue(f"E{status}"), is_error=True)
            self.assertIn("GitHub", text)
            self.assertNotIn("<html>", text)
        self.assertEqual(len(self.sandbox.requests(POST)), 3)
        self.assert_counted(0)

    def test_a_server_error_on_a_read_is_asked_once_more(self):
        self.assert_tool_text(self.session.create_issue("To be read"), "Issue #")
        self.sandbox.fault(GET, "status", status=500)
        self.assert_tool_text(self.read())
        self.assertEqual(len(self.sandbox.requests(GET)), 2)
        self.sandbox.fault(GET, "status", status=500, times=5)
        self.assert_tool_text(self.read(), is_error=True)
        self.assertEqual(len(self.sandbox.requests(GET)), 4)
        self.assert_counted(2)

    def test_an_answer_that_is_an_error_of_the_caller_counts(self):
        answer = self.session.call("github_get_issue", {
            "owner": "octocat", "repo": "hello-world", "issue_number": 4711})
        self.assert_tool_text(answer, "Not Found", is_error=True)
        self.sandbox.fault(POST, "validation")
        self.assert_tool_text(self.session.create_issue("Invalid"), is_error=True)
        self.assert_counted(2)

    def test_a_200_that_is_no_json_is_a_failure_without_charge(self):
        self.sandbox.fault(POST, "status", status=200, body="<html>maintenance</html>")
        self.assert_tool_text(self.session.create_issue("Html"), is_error=True)
        self.assertEqual(len(self.sandbox.requests(POST)), 1)
        self.assert_counted(0)

    def test_a_short_rate_limit_is_waited_out_and_a_long_one_is_told(self):
        self.sandbox.fault(POST, "status", status=429, headers={"Retry-After": "1"},
                           body={"message": "slow down"})
        begun = time.monotonic()
        self.assert_tool_text(self.session.create_issue("After a second"), "Issue #")
        self.assertGreaterEqual(time.monotonic() - begun, 0.9)
        self.sandbox.fault(POST, "status", status=429, headers={"Retry-After": "60"},
                           body={"message": "slow down"})
        begun = time.monotonic()
        text = self.assert_tool_text(self.session.create_issue("Later"), is_error=True)
        self.assertIn("60", text)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(len(self.sandbox.requests(POST)), 3)
        self.assertNotIn("Later", self.sandbox.issues())

    def test_githubs_own_rate_limit_is_understood(self):
        for kind in ("rate_limit", "secondary_rate_limit"):
            self.sandbox.fault(POST, kind, times=3)
            self.assert_tool_text(self.session.create_issue("Limited"), is_error=True)
            self.sandbox.clear_faults()
        self.assertNotIn("Limited", self.sandbox.issues())

    def test_a_missing_scope_is_named(self):
        self.sandbox.fault(POST, "status", status=403, body={"message": "Must have admin rights"},
                           headers={"X-Accepted-OAuth-Scopes": "repo", "X-OAuth-Scopes": "gist"})
        self.assert_tool_text(self.session.create_issue("Scope"), "repo", is_error=True)

    def test_an_answer_that_breaks_off_is_not_sent_again(self):
        self.sandbox.fault(POST, "close")
        text = self.assert_tool_text(self.session.create_issue("Half an answer"), is_error=True)
        self.assertTrue(text)
        self.assertEqual(len(self.sandbox.requests(POST)), 1)
        self.assertEqual(self.sandbox.issues()["Half an answer"], 1)
        self.assert_counted(0)

    def test_fifty_megabytes_are_cut_off(self):
        self.sandbox.fault(GET, "huge", times=-1, bytes=50 * 1024 * 1024)
        self.assert_tool_text(self.read(), is_error=True)
        self.assertEqual(self.session.ask("ping").status, 200)
        settled(self.platform)
        self.assert_money_is_exact()

    def test_a_provider_that_never_answers_is_given_up_after_thirty_seconds(self):
        idle = connections_to(port_of(self.sandbox.url))
        self.sandbox.fault(POST, "hang")
        begun = time.monotonic()
        text = self.assert_tool_text(self.session.create_issue("Silence"), is_error=True)
        self.assertIn("in time", text)
        self.assertTrue(28 < time.monotonic() - begun < 36, time.monotonic() - begun)
        eventually(lambda: connections_to(port_of(self.sandbox.url)) <= idle, 5)
        self.assertEqual(len(self.sandbox.requests(POST)), 1)
        self.assert_counted(0)

    def test_slow_bytes_within_the_limit_are_waited_for(self):
        self.sandbox.fault(POST, "slow", delay_ms=150)
        self.assert_tool_text(self.session.create_issue("Slow bytes"), "Issue #")
        self.assert_counted(1)

    def test_a_provider_in_trouble_is_a_failed_call_in_a_loop_and_the_model_goes_on(self):
        self.sandbox.fault(POST, "status", status=500)
        user = self.platform.connected_user()
        answer = user.respond("sandbox-issue", "open one in octocat/hello-world titled Loop",
                              tools=user.tools())
        self.assert_status(answer, 200)
        call = next(x for x in answer.json()["output"] if x["type"] == "mcp_call")
        self.assertEqual((call["status"], call["output"]), ("failed", None))
        self.assertIn("GitHub", json.dumps(call["error"]))
        self.assertEqual(answer.json()["status"], "completed")
        self.assert_counted(0)

    def test_a_token_that_an_answer_repeats_is_masked(self):
        asked = self.sandbox.control("GET", "state")["github"]["tokens"]
        token = list(asked)[-1]
        self.sandbox.fault(GET, "status", times=2, status=404, body={"message": f"bad {token}"})
        answer = self.read()
        self.assertEqual(answer.status, 200)
        self.assertNotIn(token, answer.text)


if __name__ == "__main__":
    main()
