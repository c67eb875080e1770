"""Sessions that are opened and abandoned: their memory comes back (C5, L22). Prints what one costs.

    session_memory_test.py BINARY                          2,000 sessions a round, for ctest
    CALLBOARD_SESSIONS=10000 session_memory_test.py BINARY the figure of the issue

It measures the node's resident memory: what a round took goes back to the system within a minute or
two of the last expiry, and further rounds add nothing.
"""

import http.client
import json
import os
import re
import threading
import time
import urllib.parse
from pathlib import Path

from cases import SystemTest, main
from harness import eventually
from tenants import MCP_ACCEPT, initialize

SESSIONS = int(os.environ.get("CALLBOARD_SESSIONS", "2000"))
# Below the cap per user (sessions_per_user_max), beyond which a user's oldest session would end.
SESSIONS_PER_USER = 90
THREADS = 4
ROUNDS = 3
# Long enough to open a round on a busy machine; those that are over at the peak are not counted.
TTL_SECONDS = 20 + SESSIONS // 200
# Timers of the node and the database's cleaning come within this after the last expiry.
EXPIRY_SECONDS = TTL_SECONDS + 120
# The node looks once a minute whether so many have gone that memory is worth giving back.
RETURN_SECONDS = 90
# Of what a round took. The rest are pages in which something else lives, and what was made for the
# first sessions and is kept.
RETURNED_MIN = 0.4
# A leak of all sessions would add a whole round's cost with every round, so 2 after the two that
# follow the first.
GROWTH_MAX = 0.5
# Of the process as a whole, whatever the sessions do: buffers, caches, statistics.
NOISE_BYTES = 4 * 1024 * 1024


class Opener(threading.Thread):
    """Opens sessions, one after the other, and leaves them."""

    def __init__(self, url, keys):
        super().__init__()
        self.parts = urllib.parse.urlsplit(url)
        self.keys = keys
        self.opened = []
        self.problem = None

    def run(self):
        try:
            link = http.client.HTTPConnection(self.parts.hostname, self.parts.port, timeout=60)
            for key in self.keys:
                self._open(link, key)
            link.close()
        except (OSError, AssertionError, http.client.HTTPException) as problem:
            self.problem = problem

    def _post(self, link, key, message, **headers):
        link.request("POST", self.parts.path, json.dumps(message),
                     {**MCP_ACCEPT, "Content-Type": "application/json",
                      "Authorization": f"Bearer {key}", **headers})
        answer = link.getresponse()
        text = answer.read()
        assert answer.status in (200, 202), (answer.status, text)
        return answer

    def _open(self, link, key):
        session = self._post(link, key, initialize()).headers["Mcp-Session-Id"]
        self._post(link, key, {"jsonrpc": "2.0", "method": "notifications/initialized"},
                   **{"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"})
        self.opened.append(time.monotonic())


class SessionMemory(SystemTest):
    """One node, several rounds."""

    node_options = ("--session-ttl", f"{TTL_SECONDS}s")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        platform = cls.world.platform()
        users = [platform.connected_user()
                 for _ in range((SESSIONS + SESSIONS_PER_USER - 1) // SESSIONS_PER_USER)]
        cls.keys = [users[i % len(users)].key for i in range(SESSIONS)]

    def resident(self):
        """Bytes of the node's process; PostgreSQL's are others."""
        status = Path(f"/proc/{self.node.program.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def live(self):
        return len(self.node.inspect("session")["actors"])

    def open_round(self):
        """When each session was opened."""
        openers = [Opener(f"{self.node.mcp}/mcp/github", self.keys[i::THREADS])
                   for i in range(THREADS)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
        self.assertEqual([x.problem for x in openers if x.problem], [])
        return [x for opener in openers for x in opener.opened]

    def play_round(self, last):
        """(before, at the peak, when all are over, when it was given back, alive at the peak)."""
        before = self.resident()
        opened = self.open_round()
        self.assertEqual(len(opened), SESSIONS)
        peak, now = self.resident(), time.monotonic()
        alive = sum(now - x < TTL_SECONDS for x in opened)
        opened_last = max(opened)
        if last:
            # Not earlier, since telling of them all takes memory of its own.
            self.assertGreater(self.live(), 0)
        # Likewise: it is asked when there are few.
        # tidy: polls
        time.sleep(max(0, opened_last + TTL_SECONDS - time.monotonic()))
        eventually(lambda: self.live() == 0, EXPIRY_SECONDS, 0.5, "all sessions to be over")
        over = self.resident()
        limit = peak - RETURNED_MIN * max(0, peak - before)
        eventually(lambda: self.resident() <= limit, RETURN_SECONDS, 0.5,
                   f"resident memory to fall from {over} bytes to {limit:.0f}")
        return before, peak, over, self.resident(), alive

    def test_memory_of_abandoned_sessions_comes_back(self):
        rounds = [self.play_round(i == ROUNDS - 1) for i in range(ROUNDS)]
        for number, (before, peak, over, after, alive) in enumerate(rounds, 1):
            print(f"\n  round {number}: {before // 1024} KiB before, {peak // 1024} KiB with "
                  f"{alive} idle sessions, {over // 1024} KiB when they had expired, "
                  f"{after // 1024} KiB after memory was given back", end="")
        before, peak, _, first_after, alive = rounds[0]
        print(f"\n  {(peak - before) / max(1, alive):.0f} bytes of resident memory per idle session"
              f" ({alive} of {SESSIONS} alive at the peak, all that the node grew counted)\n  ",
              end="", flush=True)
        cost = max(0, peak - before)
        growth = rounds[-1][3] - first_after
        self.assertLess(growth, GROWTH_MAX * cost + NOISE_BYTES,
                        f"{ROUNDS - 1} more rounds added {growth} bytes for good, where one round "
                        f"took {cost}")


if __name__ == "__main__":
    main()
