"""Death of the node, and of PostgreSQL, at every named point of a paid request (I19, I33, T8).

Clients repeat what was not answered under the same key. In the end every acknowledged piece of work
is charged once, nothing is charged twice, and all invariants hold.
"""

import http.client
import os
import signal
import threading
import time

from cases import SystemTest, main
from harness import eventually, fetch
from tenants import settled

CLIENTS = 6
WORKS_EACH = 4
PATIENCE_SECONDS = 60
# A fast machine makes more calls than GitHub allows a user in an hour.
CORE_LIMIT = 1_000_000
# Where a keyed request passes; its third coming is in the middle of the load.
KEYED_POINTS = ("tool_admitted", "tool_answered", "tool_settled", "turn_admitted", "turn_answered",
                "turn_settled", "before_keep", "after_keep")
# Where tool calls without a key pass.
BLOCK_POINTS = ("block_reserved", "block_booking", "block_booked")


class Client(threading.Thread):
    """Does pieces of work, each until it is acknowledged, under one key and request id each."""

    def __init__(self, user, name, number, keyed):
        super().__init__()
        self.user = user
        self.keyed = keyed
        self.works = [f"{name}-{'turn' if keyed and number % 2 else 'tool'}-{number}-{i}"
                      for i in range(WORKS_EACH)]
        self.acknowledged = []
        self.session = user.session()

    def run(self):
        for work in self.works:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                if self.attempt(work):
                    self.acknowledged.append(work)
                    break
                if not self.keyed:
                    break  # without a key nobody may repeat
                time.sleep(0.1)

    def attempt(self, work):
        headers = {"X-Request-Id": work}
        if self.keyed:
            headers["Idempotency-Key"] = work
        try:
            if "-turn-" in work:
                answer = self.user.respond("sandbox-echo", work, headers, 20, store=False)
                return answer.status == 200
            answer = self.session.create_issue(work, 20, **headers)
            return answer.status == 200 and not answer.json().get(
                "result", {"isError": True}).get("isError", False)
        except (OSError, http.client.HTTPException):
            return False


class Crashes(SystemTest):
    """All calls are paid ones."""

    models = ("sandbox-echo", "sandbox-slow:300")

    def setUp(self):
        super().setUp()
        self.sandbox.configure("github", core_limit=CORE_LIMIT)

    def load(self, point, keyed, mode=""):
        """Starts the node to break at the point, and the clients."""
        self.node.kill9()
        self.node.environment = {"CALLBOARD_CRASH_AT": f"{point}:3{mode}"}
        self.node.start()
        platform = self.world.platform(topup="100")
        platform.settings(free_calls_per_month=0)
        user = platform.connected_user()
        clients = [Client(user, point + mode.replace(":", "-"), i, keyed) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        return platform, clients

    def charges(self, platform):
        """How often each request id stands in the ledger."""
        rows = self.node.sql(
            "SELECT h.request_id, count(*) FROM hold_all h JOIN ledger_all l ON l.hold_id = h.id "
            f"AND l.platform_id = h.platform_id WHERE h.platform_id = '{platform.id}' "
            "GROUP BY 1")
        return {id_: int(count) for id_, count in rows}

    def check(self, platform, clients, keyed):
        for client in clients:
            client.join()
        # The platform's next request finds what the dead node held, and ends it.
        self.assertEqual(clients[0].user.respond("sandbox-echo", "next").status, 200)
        settled(platform, 20)
        charges = self.charges(platform)
        acknowledged = [x for client in clients for x in client.acknowledged]
        self.assertEqual({x: n for x, n in charges.items() if n > 1}, {}, "charged twice")
        self.assertEqual([x for x in acknowledged if x not in charges], [], "not charged")
        if keyed:
            self.assertEqual(len(acknowledged), CLIENTS * WORKS_EACH, "all came through in the end")
        self.assertEqual(self.node.violations(), {})

    def break_node(self, point, keyed):
        platform, clients = self.load(point, keyed)
        code = eventually(lambda: self.node.program.process.poll(), 30, what=f"death at {point}")
        self.assertEqual(code, -signal.SIGKILL)
        self.node.start()
        self.check(platform, clients, keyed)

    def break_postgres(self, point, keyed):
        platform, clients = self.load(point, keyed, ":stop")
        pid = self.node.program.process.pid
        eventually(lambda: self.is_stopped(pid), 30, what=f"a stop at {point}")
        try:
            self.node.stop_postgres("immediate")
            self.node.start_postgres()
        finally:
            os.kill(pid, signal.SIGCONT)
        self.check(platform, clients, keyed)

    def test_a_stream_that_died_in_the_middle_is_made_again_and_its_use_is_charged(self):
        self.node.kill9()
        self.node.environment = {}
        self.node.start()
        platform = self.world.platform(topup="100")
        user = platform.connected_user()
        once = {"Idempotency-Key": "died-in-the-middle"}
        words = " ".join(f"word-{i}" for i in range(30))  # nine seconds; noted after five
        noted = ("SELECT 1 FROM hold WHERE status = 'P' AND checkpoint > 0 AND platform_id = "
                 f"'{platform.id}'")
        with user.stream("sandbox-slow:300", words, once):
            eventually(lambda: self.node.sql(noted), 20, 0.1, "a note of what was used")
            self.node.kill9()
        self.node.start()

        def repeated():
            answer = user.respond("sandbox-slow:300", words, once, stream=True)
            return answer if answer.status == 200 else None

        answer = eventually(repeated, PATIENCE_SECONDS, 1, "the answer under the same key")
        self.assertIn("response.completed", answer.text)
        self.assertIn("word-29", answer.text)
        settled(platform, 20)
        self.assertEqual([x["type"] for x in platform.transactions()],
                         ["llm_usage", "llm_usage", "top_up"])
        self.assertEqual(self.node.violations(), {})

    def test_what_a_key_makes_is_made_once_although_its_answer_died(self):
        self.node.kill9()
        self.node.environment = {}
        self.node.start()
        platform = self.world.platform()
        user = platform.ask("POST", "/end-users", {"external_id": "first"})["id"]
        server = {"slug": "docs", "url": "https://mcp.example.com/mcp"}
        app = {"app_slug": "github", "oauth_client_id": "c", "oauth_client_secret": "s",
               "redirect_url": "https://platform.example.com/done"}
        for path, body, total in (
                ("/end-users", {"external_id": "u"}, "/api-keys?type=end_user"),
                ("/api-keys", {"type": "end_user", "end_user_id": user}, "/api-keys?type=end_user"),
                ("/webhooks", {"url": "https://platform.example.com/hook"}, "/webhooks"),
                ("/mcp/servers", server, "/mcp/servers"),
                ("/mcp/apps", app, "/mcp/apps")):
            with self.subTest(path=path):
                before = len(platform.ask("GET", total)["data"])
                answer = self.made_at_the_second_try(platform, path, body)
                self.assert_status(answer, 201)
                self.assertEqual(len(platform.ask("GET", total)["data"]), before + 1)
                made = answer.json()
                raw = made.get("raw_key") or made.get("api_key", {}).get("raw_key")
                if raw:
                    self.assert_status(
                        fetch("GET", f"{self.node.api}/v1/me/rate-limits", raw), 200)

    def made_at_the_second_try(self, platform, path, body):
        """The answer to a keyed POST whose first try dies between effect and kept answer."""
        self.node.kill9()
        self.node.environment = {"CALLBOARD_CRASH_AT": "before_keep:1"}
        self.node.start()
        once = {"Idempotency-Key": f"made-once {path}".replace(" ", "-")}
        with self.assertRaises((OSError, http.client.HTTPException)):
            platform.call("POST", path, body, headers=once)
        eventually(lambda: self.node.program.process.poll(), 30, what="death before the answer")
        self.node.environment = {}
        self.node.start()
        return platform.call("POST", path, body, headers=once)

    @staticmethod
    def is_stopped(pid):
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"


def add_cases():
    """One case a point and kind of death, so that each has its name in the report."""
    for keyed, points in ((True, KEYED_POINTS), (False, BLOCK_POINTS)):
        for point in points:
            for name, what in (("node", Crashes.break_node), ("postgres", Crashes.break_postgres)):
                def case(self, what=what, point=point, keyed=keyed):
                    what(self, point, keyed)
                setattr(Crashes, f"test_death_of_{name}_at_{point}", case)


add_cases()

if __name__ == "__main__":
    main()
