"""Client libraries and programs, unchanged, against the real binary: OpenAI's and MCP's own,
mcp-remote and LangChain's adapters, in Node.

The packages are pinned in clients/package-lock.json and installed once into the build folder, a
new enough Node with them; only npm itself must be there.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cases
from cases import SystemTest, main
from harness import Trouble, connections_to, eventually, port_of
from node_packages import Service, environment, install, node_program
from tenants import micros, settled

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))

from setups import FIXTURE, fixture_state, register_server  # noqa: E402

SOURCES = Path(__file__).resolve().parent / "clients"
CASE_SECONDS = 60
# Whether the node can register remote servers.
REMOTE_SERVERS = True
MODEL_POST = "POST /model/v1/chat/completions"
ISSUE_POST = "POST /github/api/repos/octocat/hello-world/issues"


def install_clients():
    """The folder with scripts and packages."""
    return install(SOURCES, Path(cases.BINARY).resolve().parents[1] / "node-clients")


class Script:
    """A running case of a script."""

    def __init__(self, folder, script, case, given):
        self.process = subprocess.Popen(
            [str(node_program(folder)), script, case], cwd=folder, text=True,
            env=environment(folder, CALLBOARD_TEST=json.dumps(given)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for(self, line):
        said = self.process.stdout.readline().rstrip("\n")
        if said != line:
            self.process.kill()
            raise Trouble(f"expected {line!r}, got {said!r}: {self.process.communicate()[1]}")

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self):
        try:
            out, err = self.process.communicate(timeout=CASE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Trouble(f"it hangs: {self.process.communicate()}") from None
        if self.process.returncode != 0 or out.splitlines()[-1:] != ["done"]:
            raise Trouble(f"exit code {self.process.returncode}: {out}{err}")


class ClientTest(SystemTest):
    """Shared by both libraries."""

    script = ""

    @classmethod
    def setUpClass(cls):
        cls.folder = install_clients()
        super().setUpClass()
        cls.platform = cls.world.platform()
        cls.user = cls.platform.connected_user()

    def setUp(self):
        super().setUp()
        self.sandbox.forget_requests()

    def given(self):
        return {}

    def start(self, case, **more):
        script = Script(self.folder, self.script, case, {**self.given(), **more})
        self.addCleanup(script.process.kill)
        return script

    def play(self, case, **more):
        self.start(case, **more).finish()


class OpenAi(ClientTest):
    """The package openai."""

    script = "openai_client.mjs"
    models = ("sandbox-echo", "sandbox-issue", "sandbox-mixed", "sandbox-function",
              "sandbox-loop:github_get_issue", "sandbox-slow:300")

    def given(self):
        return {"api": self.node.api, "key": self.user.key, "tools": self.user.tools(),
                "platform_key": self.platform.key}

    def test_models_are_listed(self):
        self.play("models")

    def test_responses_create_runs_mcp_tools(self):
        self.play("create")
        self.assertEqual(self.sandbox.issues()["By the library"], 1)

    def test_responses_create_streams(self):
        self.play("stream")
        self.assertEqual(self.sandbox.issues()["By its stream"], 1)

    def test_the_accumulator_rebuilds_the_response(self):
        self.play("final_response")
        self.assertEqual(self.sandbox.issues()["By its accumulator"], 1)

    def test_functions_and_mcp_tools_mix(self):
        self.play("mixed")
        self.assertNotIn("Must not be", self.sandbox.issues())

    def test_stored_responses_are_read_continued_and_deleted(self):
        self.play("stored")

    def test_chat_completions_work_streamed_and_whole(self):
        self.play("chat")

    def test_errors_become_the_librarys_own_classes(self):
        poor = self.world.platform(topup=None).end_user()
        self.play("errors", poor_key=poor.key)
        self.assertEqual(self.sandbox.requests(MODEL_POST), [])

    def test_a_paid_loop_is_not_run_again(self):
        self.play("no_retry")
        self.assertEqual(len(self.sandbox.requests(MODEL_POST)), 10)

    def test_leaving_a_stream_stops_the_model(self):
        idle = connections_to(port_of(self.sandbox.url))
        self.play("leave")
        eventually(lambda: connections_to(port_of(self.sandbox.url)) <= idle, 5)
        settled(self.platform)
        self.assertLess(micros(self.platform.transactions()[0]["amount"]), 0)
        self.assert_money_is_exact()


class Mcp:
    """The cases of both generations."""

    script = "mcp_client.mjs"
    generation = ""

    def given(self):
        return {"url": f"{self.node.mcp}/mcp/github", "key": self.user.key,
                "generation": self.generation}

    def sessions(self):
        rows = self.node.sql("SELECT count(*) FROM session WHERE ended_at IS NULL "
                             f"AND end_user_id = '{self.user.id}'")
        return int(rows[0][0])

    def test_tools_are_listed_and_called_and_the_session_ends(self):
        self.play("tools")
        self.assertEqual(self.sandbox.issues()[f"Made by {self.generation}"], 1)

    def test_an_abort_reaches_the_provider(self):
        script = self.start("cancel")
        script.wait_for("connected")
        idle = connections_to(port_of(self.sandbox.url))
        self.sandbox.fault(ISSUE_POST, "hang")
        script.go_on()
        script.wait_for("calling")
        eventually(lambda: self.sandbox.requests(ISSUE_POST), what="the provider to be asked")
        script.go_on()
        script.finish()
        eventually(lambda: connections_to(port_of(self.sandbox.url)) <= idle, 5,
                   what="the provider to be left")
        settled(self.platform)

    def test_the_same_client_goes_on_after_kill_9(self):
        script = self.start("restart")
        script.wait_for("ready for the kill")
        self.node.restart()
        script.go_on()
        script.finish()
        for word in ("Before", "After"):
            self.assertEqual(self.sandbox.issues()[f"{word}, {self.generation}"], 1)
        self.assert_money_is_exact()


class McpSdk(Mcp, ClientTest):
    """@modelcontextprotocol/sdk."""

    generation = "sdk"


class McpClient(Mcp, ClientTest):
    """@modelcontextprotocol/client."""

    generation = "client"

    def test_automatic_negotiation_finds_the_stateless_era(self):
        self.play("auto")


class Catalogue:
    """GitHub, out of the catalogue."""

    app = "github"

    def use(self):
        return {"tool": "github_create_issue", "answer": r"Issue #\d+",
                "arguments": {"owner": "octocat", "repo": "hello-world", "title": self.id()}}

    def check_outside(self):
        self.assertEqual(self.sandbox.issues()[self.id()], 1)


@unittest.skipUnless(REMOTE_SERVERS, "remote servers cannot be registered yet")
class Remote:
    """Our fixture server, as a remote server of the platform."""

    app = "fixture"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        conformance = Path(cases.BINARY).resolve().parents[1] / "conformance"
        packages = install(SOURCES.parents[1] / "conformance", conformance)
        cls.fixture = Service(packages, FIXTURE, (), cls.world.folder)
        cls.addClassCleanup(cls.fixture.close)
        register_server(cls.platform, cls.app, cls.fixture.url)

    def calls(self):
        return fixture_state(self.fixture.url)["counters"].get("tool add_numbers", 0)

    def use(self):
        self.calls_before = self.calls()
        return {"tool": "add_numbers", "arguments": {"a": 2, "b": 3}, "answer": r"2 \+ 3 = 5"}

    def check_outside(self):
        self.assertEqual(self.calls(), self.calls_before + 1)


class Bridge:
    """mcp-remote, which is a program."""

    script = "bridge_client.mjs"

    def given(self):
        folder = tempfile.TemporaryDirectory(prefix="callboard-mcp-remote-")
        self.addCleanup(folder.cleanup)
        return {"url": f"{self.node.mcp}/mcp/{self.app}", "key": self.user.key,
                "folder": folder.name, **self.use()}

    def test_tools_are_listed_and_called(self):
        self.play("tools", transport="http-only")
        self.check_outside()

    # What it does when it is told nothing: http first, then the transport of before.
    def test_its_own_search_for_a_transport_ends_well(self):
        self.play("tools", transport="http-first")
        self.check_outside()


class LangChain:
    """@langchain/mcp-adapters."""

    script = "langchain_client.mjs"

    def given(self):
        server = self.user.config()["standard"][self.app]
        return {"servers": {self.app: server}, **self.use()}

    def test_tools_are_listed_and_called(self):
        self.play("tools")
        self.check_outside()

    def test_a_wrong_key_is_an_error_and_not_a_hang(self):
        self.play("wrong_key")


class BridgeToCatalogue(Catalogue, Bridge, ClientTest):
    """As it is named."""


class BridgeToRemote(Remote, Bridge, ClientTest):
    """As it is named."""


class LangChainToCatalogue(Catalogue, LangChain, ClientTest):
    """As it is named."""


class LangChainToRemote(Remote, LangChain, ClientTest):
    """As it is named."""


if __name__ == "__main__":
    main()
