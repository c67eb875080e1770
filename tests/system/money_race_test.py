"""Money under a crowd, through HTTP: who pays, who is free, who is refused (I17 to I19, I25)."""

import http.client
import json
import urllib.parse

from cases import SystemTest, main
from harness import Answer, eventually
from tenants import settled

CENT = 10_000
ANSWER_SECONDS = 120
# A session runs 64 requests at once.
CALLS_PER_SESSION = 50


def message(number, title):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
        "name": "github_create_issue",
        "arguments": {"owner": "octocat", "repo": "hello-world", "title": title}}})


def at_once(sessions, count, title):
    """As many tools/call at the same time, each on a connection of its own: the answers."""
    url = urllib.parse.urlsplit(sessions[0].url)
    clients = [http.client.HTTPConnection(url.hostname, url.port, timeout=ANSWER_SECONDS)
               for _ in range(count)]
    try:
        for client in clients:
            client.connect()
        for i, client in enumerate(clients):
            session = sessions[i % len(sessions)]
            client.request("POST", url.path, message(1000 + i, title), session.headers(**{
                "Authorization": f"Bearer {session.user.key}",
                "Content-Type": "application/json"}))
        answers = [client.getresponse() for client in clients]
        return [Answer(x.status, x.headers, x.read().decode()) for x in answers]
    finally:
        for client in clients:
            client.close()


class MoneyRace(SystemTest):
    """Tool calls cost a cent."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world.node.cli("tool-price", "set", "--global", "--price", "0.01")

    def crowd(self, platform, calls):
        """Sessions of seven users for as many calls; every third has a large budget of its own."""
        made = [platform.connected_user() for _ in range(7)]
        for user in made[::3]:
            self.set_budget(user, 100_000_000)
        return [made[i % 7].session() for i in range(calls // CALLS_PER_SESSION)]

    def set_budget(self, user, amount):
        self.node.sql("INSERT INTO budget (platform_id, end_user_id, max_amount, period) VALUES "
                      f"('{user.platform.id}', '{user.id}', {amount}, 'monthly')")

    def charges(self, platform):
        rows = self.node.sql("SELECT count(*), -coalesce(sum(amount), 0) FROM ledger_all WHERE "
                             f"platform_id = '{platform.id}' AND type = 'mcp_usage'")
        return tuple(int(x) for x in rows[0])

    def count(self, answers):
        """How many calls were answered; all others must have been refused for want of money."""
        good = 0
        for answer in answers:
            if "result" in answer.json():
                self.assert_tool_text(answer, "Issue #")
                good += 1
            else:
                error = self.assert_rpc_error(answer, 200, -32000)
                self.assertEqual(error["data"]["code"], "payment_required", answer)
        return good

    def test_of_two_hundred_clients_on_a_dollar_exactly_a_hundred_pay_a_cent(self):
        platform = self.world.platform(topup="1")
        platform.settings(free_calls_per_month=0)
        sessions = self.crowd(platform, 200)
        self.assertEqual(self.count(at_once(sessions, 200, "cents")), 100)
        self.assertEqual(self.sandbox.issues()["cents"], 100)  # no other call left the house
        self.assertEqual(platform.balance(), 0)
        settled(platform)
        self.assertEqual(self.charges(platform), (100, 1_000_000))
        self.assert_money_is_exact()

    def test_of_a_thousand_parallel_calls_exactly_a_hundred_are_free(self):
        platform = self.world.platform(topup="20")
        sessions = self.crowd(platform, 1000)
        self.assertEqual(self.count(at_once(sessions, 1000, "rich")), 1000)
        self.assertEqual(platform.usage()["free_calls_used"], 100)
        self.assertEqual(self.charges(platform), (900, 900 * CENT))
        self.assertEqual(platform.balance(), 20_000_000 - 900 * CENT)
        settled(platform)
        self.assert_money_is_exact()

    def test_without_money_a_thousand_parallel_calls_get_the_hundred_free_ones(self):
        platform = self.world.platform(topup=None)
        sessions = self.crowd(platform, 1000)
        self.assertEqual(self.count(at_once(sessions, 1000, "poor")), 100)
        self.assertEqual(platform.usage()["free_calls_used"], 100)
        self.assertEqual(self.sandbox.issues()["poor"], 100)
        self.assertEqual(self.charges(platform), (0, 0))
        self.assert_money_is_exact()

    def test_nobody_is_refused_at_99_percent_of_a_budget(self):
        platform = self.world.platform(topup="5")
        platform.settings(free_calls_per_month=0)
        lone, many = platform.connected_user(), platform.connected_user()
        for user in (lone, many):
            self.set_budget(user, 1_000_000)
        session = lone.session()
        for _ in range(100):
            self.assert_tool_text(session.create_issue("lone"), "Issue #")
        self.assertEqual(self.count([session.create_issue("lone")]), 0)
        sessions = [many.session(), many.session()]
        self.assertEqual(self.count(at_once(sessions, 100, "many")), 100)
        self.assertEqual(self.count(at_once(sessions, 10, "many")), 0)
        self.assertEqual(self.charges(platform), (200, 200 * CENT))
        # What the owner had set aside goes back by itself.
        eventually(lambda: platform.held() == 0, 5, what="the blocks to go back")
        self.assert_money_is_exact()


if __name__ == "__main__":
    main()
