"""What the suite is run against: our fixture alone, and Callboard in front of it."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from harness import fetch  # noqa: E402
from node_packages import Service  # noqa: E402
from tenants import World  # noqa: E402

FIXTURE, SHIM = "fixture/server.mjs", "shim.mjs"
# Names are fixed in the suite, so only the second server's are told apart by a prefix.
SLUG, SECOND_SLUG, SECOND_PREFIX = "fixture", "second", "second_"

# A server of the session era asks its client in the middle of a call: its questions have no keys,
# and one comes after the other.
BEHIND_SESSIONS = {
    "input-required-result-basic-elicitation":
        "wants a key of its own choice, which a question of the session era does not have",
    "input-required-result-ignore-extra-params":
        "answers under that key before anything was asked",
    "input-required-result-multiple-input-requests":
        "wants three questions at once",
    "server-stateless":
        "wants -32021 for a question that a server of the session era, told that nobody can answer "
        "it, does not ask; the other 28 checks pass",
}


class Setup(NamedTuple):
    """One way to run the suite."""

    name: str
    title: str
    gateway: bool = True
    fixture: tuple = ()
    second: bool = False
    revisions: tuple = ("2025-11-25", "2026-07-28")
    # Scenarios of 2026-07-28 that cannot be asked for, with the reason.
    exempt: dict = {}


SETUPS = {x.name: x for x in (
    Setup("direct", "The fixture alone, answers as streams", gateway=False),
    Setup("direct-json", "The fixture alone, answers as JSON", gateway=False,
          fixture=("--answers", "json")),
    Setup("direct-legacy", "The fixture alone, session era only", gateway=False,
          fixture=("--eras", "legacy"), revisions=("2025-11-25",)),
    Setup("single", "Through Callboard, one upstream, answers as streams"),
    Setup("json", "Through Callboard, one upstream, answers as JSON",
          fixture=("--answers", "json")),
    Setup("federated", "Through Callboard, two upstreams at one address", second=True),
    Setup("legacy", "Through Callboard, an upstream of the session era only",
          fixture=("--eras", "legacy"), exempt=BEHIND_SESSIONS),
    # Asked for by name only: the other way round, a client of the session era before such a server.
    Setup("modern", "Through Callboard, an upstream of the stateless era only",
          fixture=("--eras", "modern")),
)}
DIRECT = tuple(x for x in SETUPS if not SETUPS[x].gateway)
THROUGH_CALLBOARD = ("single", "json", "federated", "legacy")


def register_server(platform, slug, url, prefix="", auth=None):
    """Makes a remote server an app of a platform. The only place that knows the shape of this."""
    return platform.ask("POST", "/mcp/servers", {
        "slug": slug, "url": url, "tool_prefix": prefix, "auth": auth or {"type": "none"},
    })


class Standing:
    """A set-up that stands: `url` is what the suite is told."""

    def __init__(self, setup, binary, packages):
        self.setup = setup
        self.parts = []
        self.world = None
        self.folder = Path(tempfile.mkdtemp(prefix="callboard-conformance-"))
        try:
            self.url = self._stand(binary, packages)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self, packages, script, *arguments):
        service = Service(packages, script, arguments, self.folder)
        self.parts.append(service)
        return service.url

    def _stand(self, binary, packages):
        upstream = self._start(packages, FIXTURE, *self.setup.fixture)
        if not self.setup.gateway:
            return upstream
        self.world = World(binary)
        platform = self.world.platform()
        register_server(platform, SLUG, upstream)
        path = f"/mcp/{SLUG}"
        if self.setup.second:
            second = self._start(packages, FIXTURE, "--second")
            register_server(platform, SECOND_SLUG, second, SECOND_PREFIX)
            path = "/mcp"
        user = platform.end_user()
        return self._start(packages, SHIM, "--target", f"{self.world.node.mcp}{path}", "--header",
                           f"Authorization: Bearer {user.key}")

    def said(self):
        """What the node printed, for whoever looks for a cause."""
        return self.world.node.said() if self.world else ""

    def close(self):
        try:
            for part in reversed(self.parts):
                part.close()
            if self.world:
                self.world.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def fixture_state(fixture_url):
    """What a fixture counted, the requests it got, how many sessions it has."""
    return fetch("GET", fixture_url.removesuffix("/mcp") + "/control/state").json()


def counters(fixture_url):
    """What a fixture counted."""
    return fixture_state(fixture_url)["counters"]
