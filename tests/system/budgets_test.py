"""Budgets of end users, and the events that tell platforms of them (I14 to I17, I29, I33)."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import unittest
import uuid

from cases import SystemTest, main
from harness import eventually, fetch
from tenants import micros, settled

PRICE = 1_000


def sign(secret, headers, body):
    """The signature of a delivery, made here from the text of Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
    digest = hmac.new(key, content.encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class BudgetTest(SystemTest):
    """A platform with one user, who pays for every call."""

    models = ("sandbox-echo", "sandbox-usage:100000:1")

    def setUp(self):
        super().setUp()
        self.platform = self.world.platform()
        self.platform.settings(free_calls_per_month=0)
        self.user = self.platform.end_user()

    def call(self, method, path="", body=None, key=None, user=None):
        user = user or self.user
        return self.platform.call(method, f"/end-users/{user.id}/budget{path}", body, key)

    def ask(self, method, path="", body=None):
        answer = self.call(method, path, body)
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json()

    def state(self):
        """max, used and remaining in millionths."""
        shown = self.ask("GET")
        return tuple(micros(shown[x]) for x in ("max_usd", "used_usd", "remaining_usd"))

    def moves(self):
        """The budget's ledger, oldest first."""
        rows = self.ask("GET", "/transactions?limit=100")["data"]
        return [(x["type"], micros(x["amount_usd"])) for x in reversed(rows)]


class Budgets(BudgetTest):
    """The REST of budgets, and what they refuse."""

    def test_a_budget_has_the_documented_members(self):
        made = self.call("POST", body={"max_usd": 2, "period": "monthly"})
        self.assert_status(made, 201)
        self.assertEqual(set(made.json()), {
            "id", "platform_id", "end_user_id", "max_usd", "used_usd", "remaining_usd", "period",
            "period_start", "auto_replenish", "replenish_amount", "low_balance_threshold",
            "is_active", "is_suspended", "created_at"})
        self.assertEqual(self.ask("GET"), made.json())
        self.assertEqual(self.user.api("GET", "/v1/me/budget").json(), made.json())
        self.assert_status(self.call("POST", body={"max_usd": 2}), 409, "conflict")
        self.assert_status(self.call("POST", body={"max_usd": 0}), 422, "validation_error",
                           "max_usd")

    def test_a_user_without_a_budget_is_404(self):
        self.assert_status(self.call("GET"), 404, "not_found")
        self.assert_status(self.user.api("GET", "/v1/me/budget"), 404, "not_found")
        for path in ("/topup", "/debit"):
            self.assert_status(self.call("POST", path, {"amount": 1}), 404, "not_found")
        self.assert_status(self.call("GET", "/transactions"), 404, "not_found")
        stranger = f"/end-users/{uuid.uuid4()}/budget"
        self.assert_status(self.platform.call("GET", stranger + "/transactions"), 404, "not_found")
        self.assert_status(self.platform.call("POST", stranger, {"max_usd": 1}), 404, "not_found")

    def test_only_the_platform_changes_a_budget(self):
        self.ask("POST", body={"max_usd": 1})
        for method, path, body in (("POST", "", {"max_usd": 9}), ("PATCH", "", {"max_usd": 9}),
                                   ("POST", "/topup", {"amount": 9}),
                                   ("POST", "/debit", {"amount": 1}),
                                   ("GET", "", None), ("GET", "/transactions", None)):
            self.assert_status(self.call(method, path, body, self.user.key), 403, "forbidden")
        other = self.world.platform()
        self.assert_status(self.call("POST", "/topup", {"amount": 9}, other.key), 403, "forbidden")
        self.assert_status(other.call("POST", f"/end-users/{self.user.id}/budget/topup",
                                      {"amount": 9}), 404, "not_found")
        self.assert_status(fetch("GET", f"{self.node.api}/v1/me/budget", self.platform.key), 403,
                           "forbidden")
        self.assert_status(self.call("DELETE"), 405, "method_not_allowed")
        self.assertEqual(self.state(), (1_000_000, 0, 1_000_000))

    def test_a_page_in_a_browser_may_read_the_users_own_budget(self):
        self.ask("POST", body={"max_usd": 1})
        answer = self.user.api("GET", "/v1/me/budget", headers={"Origin": "https://shop.example"})
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
        preflight = fetch("OPTIONS", f"{self.node.api}/v1/me/budget", headers={
            "Origin": "https://shop.example", "Access-Control-Request-Method": "GET"})
        self.assertEqual(preflight.status, 204)

    def test_the_ledger_explains_what_is_used(self):
        self.ask("POST", body={"max_usd": "1"})
        self.ask("POST", "/topup", {"amount": "0.5", "reason": "gift", "metadata": {"n": 1}})
        taken = self.ask("POST", "/debit", {"amount": "0.25", "reason": "poster"})
        self.assertEqual(taken["transaction"]["amount_usd"], "-0.250000")
        self.assert_status(self.user.respond("sandbox-usage:100000:1", "x"), 200)
        settled(self.platform)
        paid = micros(self.platform.transactions()[0]["amount"])
        self.assertEqual(self.moves(), [("opening", 1_000_000), ("top_up", 500_000),
                                        ("debit", -250_000), ("usage", paid)])
        maximum, used, remaining = self.state()
        self.assertEqual((maximum, used), (1_500_000, 250_000 - paid))
        self.assertEqual(remaining, sum(x for _, x in self.moves()))
        self.assert_money_is_exact()

    def test_a_threshold_can_be_taken_away(self):
        self.ask("POST", body={"max_usd": "1", "low_balance_threshold": "0.5"})
        shown = self.ask("PATCH", body={"low_balance_threshold": None})
        self.assertIsNone(shown["low_balance_threshold"])
        self.assertIsNone(self.ask("GET")["low_balance_threshold"])

    def test_a_used_up_budget_is_402_and_a_topup_ends_that(self):
        self.ask("POST", body={"max_usd": "0.10"})
        # 100,000 input tokens cost 0.25 US dollars: the crossing call runs.
        self.assert_status(self.user.respond("sandbox-usage:100000:1", "x"), 200)
        settled(self.platform)
        refused = self.user.respond("sandbox-echo", "x")
        self.assert_status(refused, 402, "budget_exhausted")
        self.assertEqual(refused.error["type"], "payment_required")
        self.assertLess(micros(refused.error["remaining_usd"]), 0)
        self.assert_status(self.platform.end_user().respond("sandbox-echo", "x"), 200)
        self.assert_status(self.call("POST", "/debit", {"amount": 1}), 402, "budget_exhausted")
        self.ask("POST", "/topup", {"amount": 1})
        self.assert_status(self.user.respond("sandbox-echo", "x"), 200)
        self.assert_money_is_exact()

    def test_a_suspended_budget_is_402_and_still_shown(self):
        self.ask("POST", body={"max_usd": 1})
        self.ask("PATCH", body={"is_suspended": True, "reason": "odd"})
        self.assert_status(self.user.respond("sandbox-echo", "x"), 402, "budget_suspended")
        self.assertTrue(self.user.api("GET", "/v1/me/budget").json()["is_suspended"])
        self.assert_status(self.call("POST", "/debit", {"amount": "0.1"}), 402,
                           "budget_suspended")
        self.ask("PATCH", body={"is_suspended": False})
        self.assert_status(self.user.respond("sandbox-echo", "x"), 200)
        self.assertEqual([x for x, _ in self.moves()][:3], ["opening", "suspended", "unsuspended"])
        self.assert_money_is_exact()

    def test_tool_calls_stop_within_a_second_of_a_suspension(self):
        user = self.platform.connected_user()
        self.call("POST", body={"max_usd": 1}, user=user)
        session = user.session()
        for i in range(3):
            self.assert_tool_text(session.create_issue(f"Before {i}"), "Issue #")
        self.call("PATCH", body={"is_suspended": True}, user=user)

        def refused():
            answer = session.create_issue("After").json()
            return answer.get("error", {}).get("data")

        data = eventually(refused, 3, 0.1, "the suspension to be noticed")
        self.assertEqual(data["code"], "payment_required")
        self.assertEqual(data["reason"], "budget_suspended")
        self.assert_money_is_exact()

    def test_a_budget_that_replenishes_itself_never_refuses(self):
        user = self.platform.connected_user()
        self.call("POST", body={"max_usd": "0.005", "auto_replenish": True,
                                "replenish_amount": "0.004"}, user=user)
        session = user.session()
        for i in range(20):
            self.assert_tool_text(session.create_issue(f"Paid {i}"), "Issue #")
        settled(self.platform)
        eventually(lambda: self.platform.balance() == 5_000_000 - 20 * PRICE)
        rows = self.call("GET", "/transactions?limit=100", user=user).json()["data"]
        added = [micros(x["amount_usd"]) for x in rows if x["type"] == "replenish"]
        self.assertEqual(added, [4_000] * 4)  # 5,000 + 4 * 4,000 are the least that pays 20 calls
        self.assert_money_is_exact()

    def test_a_repeated_move_is_made_once(self):
        self.ask("POST", body={"max_usd": 1})
        path = f"/end-users/{self.user.id}/budget"
        for verb, move, state in (("POST", "/topup", (1_500_000, 0, 1_500_000)),
                                  ("POST", "/debit", (1_500_000, 500_000, 1_000_000))):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            answers = [self.platform.call(verb, path + move, {"amount": "0.5"}, headers=headers)
                       for _ in range(3)]
            self.assertEqual({x.status for x in answers}, {201})
            self.assertEqual(len({x.text for x in answers}), 1)
            self.assertEqual(self.state(), state)
            other = self.platform.call(verb, path + move, {"amount": "0.4"}, headers=headers)
            self.assert_status(other, 422, "idempotency_mismatch")
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for _ in range(2):
            self.assert_status(self.platform.call("PATCH", path, {"is_suspended": True},
                                                  headers=key), 200)
        self.assertEqual([x for x, _ in self.moves()], ["opening", "top_up", "debit", "suspended"])

    def test_parallel_debits_take_no_more_than_there_is(self):
        self.ask("POST", body={"max_usd": 1})
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.call("POST", "/debit", {"amount": "0.03"}),
                                    range(50)))
        self.assertEqual(sorted(x.status for x in answers), [201] * 33 + [402] * 17)
        self.assertEqual(self.state(), (1_000_000, 990_000, 10_000))
        self.assert_money_is_exact()

    def test_the_platforms_default_budget_is_made_with_the_first_call(self):
        self.platform.settings(default_budget_usd="0.10")
        self.assert_status(self.user.respond("sandbox-usage:100000:1", "x"), 200)
        settled(self.platform)
        self.assert_status(self.user.respond("sandbox-echo", "x"), 402, "budget_exhausted")
        self.assertEqual(self.state()[0], 100_000)
        self.assert_money_is_exact()


class Webhooks(BudgetTest):
    """Events on their way to the platform."""

    def setUp(self):
        super().setUp()
        self.name = uuid.uuid4().hex
        self.hook = self.platform.ask("POST", "/webhooks", {
            "url": f"{self.sandbox.url}/webhook/{self.name}", "description": "mine"})
        self.sandbox.configure("webhook", name=self.name, secret=self.hook["secret"])

    def came(self):
        return fetch("GET", f"{self.sandbox.url}/webhook/{self.name}").json()

    def events(self, count):
        """The events that arrived, at least so many."""
        eventually(lambda: len(self.came()) >= count, 15, 0.1, f"{count} deliveries")
        return [json.loads(x["body"]) for x in self.came()]

    def types(self, count):
        return sorted(x["event_type"] for x in self.events(count))

    def deliveries(self, **query):
        more = "".join(f"&{k}={v}" for k, v in query.items())
        return self.platform.ask("GET",
                                 f"/webhooks/{self.hook['id']}/deliveries?limit=100{more}")["data"]

    def test_a_topup_is_told_with_a_signature(self):
        self.ask("POST", body={"max_usd": 1})
        moved = self.ask("POST", "/topup", {"amount": "0.5", "reason": "gift",
                                            "metadata": {"order": 7}})["transaction"]
        event = self.events(1)[0]
        self.assertEqual(event["event_type"], "budget.topped_up")
        self.assertEqual(event["event_id"], f"{moved['id']}:budget.topped_up")
        self.assertEqual(event["api_version"], "2026-04-11")
        self.assertEqual(event["data"], {
            "platform_id": self.platform.id, "end_user_id": self.user.id,
            "budget_id": moved["budget_id"], "transaction_id": moved["id"], "type": "top_up",
            "amount_usd": "0.500000", "max_usd_after": "1.500000", "used_usd_after": "0.000000",
            "remaining_usd_after": "1.500000", "reason": "gift", "metadata": {"order": 7}})
        came = self.came()[0]
        self.assertTrue(came["verified"])
        self.assertEqual(came["headers"]["webhook-signature"],
                         sign(self.hook["secret"], came["headers"], came["body"]))
        eventually(lambda: self.deliveries(status="delivered"), 5, what="the record")
        shown = self.deliveries()[0]
        self.assertEqual((shown["event_id"], shown["attempts"], shown["last_status"]),
                         (event["event_id"], 1, 204))

    def test_low_balance_is_told_once_per_crossing(self):
        self.ask("POST", body={"max_usd": 1, "low_balance_threshold": "0.8"})
        self.assert_status(self.user.respond("sandbox-usage:100000:1", "x"), 200)
        self.assertEqual(self.types(1), ["budget.low_balance"])
        self.assert_status(self.user.respond("sandbox-usage:100000:1", "x"), 200)
        self.ask("POST", "/topup", {"amount": 1})
        self.assertEqual(self.types(2), ["budget.low_balance", "budget.topped_up"])
        self.ask("POST", "/debit", {"amount": "0.9"})
        self.assertEqual(self.types(3), ["budget.low_balance"] * 2 + ["budget.topped_up"])
        low = [x for x in self.events(3) if x["event_type"] == "budget.low_balance"]
        for event in low:
            self.assertLessEqual(micros(event["data"]["remaining_usd_after"]), 800_000)
        self.assert_money_is_exact()

    def test_suspensions_are_told_and_charges_only_on_demand(self):
        self.ask("POST", body={"max_usd": 1})
        self.ask("PATCH", body={"is_suspended": True})
        self.ask("PATCH", body={"is_suspended": False})
        self.ask("POST", "/debit", {"amount": "0.1"})
        self.assertEqual(self.types(2), ["budget.suspended", "budget.unsuspended"])
        self.platform.ask("PATCH", f"/webhooks/{self.hook['id']}",
                          {"subscribed_events": ["budget.debited"]})
        self.ask("POST", "/debit", {"amount": "0.1"})
        self.assertIn("budget.debited", self.types(3))

    def test_a_failed_delivery_is_repeated_with_the_same_id(self):
        self.sandbox.configure("webhook", name=self.name, fail=1, status=503)
        self.ask("POST", body={"max_usd": 1})
        self.ask("POST", "/topup", {"amount": 1})
        self.events(2)
        first, second = self.came()
        self.assertEqual((first["status"], second["status"]), (503, 204))
        self.assertGreaterEqual(second["at"] - first["at"], 4)  # 5 s, in whole seconds
        self.assertEqual(first["headers"]["webhook-id"], second["headers"]["webhook-id"])
        self.assertTrue(second["verified"])

    def test_a_redirect_is_a_failure_and_is_not_followed(self):
        self.sandbox.fault(f"POST /webhook/{self.name}", "redirect")
        self.platform.call("POST", f"/webhooks/{self.hook['id']}/test")
        eventually(lambda: self.deliveries()[0]["last_status"] == 302, 5, what="the redirect")
        self.assertEqual(fetch("GET", f"{self.sandbox.url}/webhook/elsewhere").json(), [])
        self.assertEqual(self.deliveries()[0]["status"], "pending")

    def test_test_events_and_replays(self):
        self.ask("POST", body={"max_usd": 1})
        self.ask("POST", "/topup", {"amount": 1})
        self.events(1)
        sent = self.platform.call("POST", f"/webhooks/{self.hook['id']}/test")
        self.assert_status(sent, 202)
        self.assertIn("webhook.test", self.types(2))
        eventually(lambda: len(self.deliveries(status="delivered")) == 2, 5)
        topup = [x for x in self.deliveries() if x["event_type"] == "budget.topped_up"][0]
        self.platform.call("POST", f"/webhooks/{self.hook['id']}/deliveries/{topup['id']}/replay")
        self.assertEqual(self.types(3).count("budget.topped_up"), 2)
        ids = [x["headers"]["webhook-id"] for x in self.came()]
        self.assertEqual(ids.count(topup["message_id"]), 2)
        eventually(lambda: len(self.deliveries(status="delivered")) == 2, 5)
        again = self.platform.call("POST", f"/webhooks/{self.hook['id']}/replay",
                                   {"since": self.hook["created_at"]})
        self.assert_status(again, 202)
        self.assertEqual(again.json(), {"replayed": 1})
        self.assertEqual(self.types(4).count("budget.topped_up"), 3)

    def test_the_secret_is_shown_once(self):
        self.assertTrue(self.hook["secret"].startswith("whsec_"))
        shown = self.platform.ask("GET", f"/webhooks/{self.hook['id']}")
        self.assertNotIn("secret", shown)
        self.assertNotIn("secret", self.platform.ask("GET", "/webhooks")["data"][0])
        self.assertNotIn(self.hook["secret"], self.node.said())

    def test_other_platforms_see_nothing_of_an_endpoint(self):
        other = self.world.platform()
        path = f"/webhooks/{self.hook['id']}"
        for method, more, body in (("GET", "", None), ("PATCH", "", {"active": False}),
                                   ("DELETE", "", None), ("POST", "/test", None),
                                   ("POST", "/replay", {"since": "2026-01-01T00:00:00Z"})):
            self.assert_status(other.call(method, path + more, body), 404, "not_found")
        self.assertEqual(other.ask("GET", path + "/deliveries")["data"], [])

    def test_a_deleted_endpoint_gets_nothing(self):
        self.ask("POST", body={"max_usd": 1})
        self.assertEqual(self.platform.call("DELETE", f"/webhooks/{self.hook['id']}").status, 204)
        self.ask("POST", "/topup", {"amount": 1})
        self.assert_status(self.platform.call("GET", f"/webhooks/{self.hook['id']}"), 404,
                           "not_found")
        eventually(lambda: self.node.inspect("dispatcher")["actors"][0]["state"]["under_way"] == 0)
        self.assertEqual(self.came(), [])

    def test_an_event_of_a_killed_node_arrives_after_its_restart(self):
        self.sandbox.fault(f"POST /webhook/{self.name}", "status", status=500)
        self.ask("POST", body={"max_usd": 1})
        self.ask("POST", "/topup", {"amount": 1})
        self.node.kill9()
        self.node.start()
        # Sent by now, or under the lease of the dead node, or after its first failure.
        eventually(lambda: any(x["status"] == 204 for x in self.came()), 60, 0.2, "the event")
        self.assert_money_is_exact()


if __name__ == "__main__":
    main()
