"""The tools of the conformance runs themselves: the shim hides nothing, the fixture's small
authorization server refuses what it should, and its questions reach a client in both eras.

    python3 fixture_test.py BINARY [unittest arguments]

Other tests rest on these, so they are shown without Callboard in between.
"""

import base64
import hashlib
import secrets
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import cases  # noqa: E402
from client import ACCEPT, Client, Refused  # noqa: E402
from harness import Stream, eventually, fetch  # noqa: E402
from node_packages import Service  # noqa: E402
from setups import FIXTURE, SHIM, counters  # noqa: E402
from suite import Suite  # noqa: E402

KEY = "a-secret-of-the-test"
BACK = "http://127.0.0.1:9/callback"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


class FixtureTest(unittest.TestCase):
    """Starts services that end with the case."""

    @classmethod
    def setUpClass(cls):
        cls.packages = Suite(cases.BINARY).folder

    def start(self, script, *arguments):
        folder = tempfile.TemporaryDirectory(prefix="callboard-fixture-")
        self.addCleanup(folder.cleanup)
        service = Service(self.packages, script, arguments, Path(folder.name))
        self.addCleanup(service.close)
        return service.url


class Shim(FixtureTest):
    """shim.mjs."""

    def setUp(self):
        self.fixture = self.start(FIXTURE, "--require-header", f"Authorization: Bearer {KEY}")
        self.shim = self.start(SHIM, "--target", self.fixture, "--header",
                               f"Authorization: Bearer {KEY}")

    def test_the_header_is_needed_and_is_added(self):
        self.assertEqual(fetch("POST", self.fixture, None, LIST, ACCEPT).status, 401)
        for version in ("2025-11-25", "2026-07-28"):
            self.assertTrue(Client(self.shim, None, version).tools())

    def test_a_header_of_the_client_is_replaced(self):
        self.assertTrue(Client(self.shim, "another-key", "2025-11-25").tools())

    def test_a_foreign_host_is_passed_on(self):
        answer = fetch("POST", self.shim, None, LIST, {**ACCEPT, "Host": "evil.example.com"})
        self.assertEqual(answer.status, 403, answer)
        answer = fetch("POST", self.shim, None, LIST, {**ACCEPT, "Origin": "http://evil.example"})
        self.assertEqual(answer.status, 403, answer)

    def test_leaving_a_stream_reaches_the_server(self):
        client = Client(self.shim, None, "2026-07-28")
        message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": "slow_tool", "arguments": {"milliseconds": 60000},
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                      "io.modelcontextprotocol/clientCapabilities": {}}}}
        headers = {**ACCEPT, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
                   "Mcp-Name": "slow_tool", "Content-Type": "application/json"}
        client.tools()
        # An answer does not come, so the connection is left while it is waited for.
        with self.assertRaises(TimeoutError):
            Stream("POST", self.shim, None, message, headers, timeout=1)
        eventually(lambda: counters(self.fixture).get("slow_cancelled") == 1, 10,
                   what="the call to be cancelled")

    def test_the_suite_passes_through_it(self):
        suite = Suite(cases.BINARY)
        for revision in ("2025-11-25", "2026-07-28"):
            run = suite.test_server(self.shim, revision, "shim")
            failed = [x.name for x in run.scenarios.values() if x.scored and not x.passed]
            self.assertEqual((run.exit_code, failed), (0, []))


class Questions(FixtureTest):
    """Tools that ask their client, in both eras and both shapes of answers."""

    def test_every_question_is_asked_and_its_answer_used(self):
        for eras in ("legacy", "modern"):
            version = {"legacy": "2025-11-25", "modern": "2026-07-28"}[eras]
            for answers in ("sse", "json"):
                with self.subTest(eras=eras, answers=answers):
                    url = self.start(FIXTURE, "--eras", eras, "--answers", answers)
                    client = Client(url, None, version)
                    told = client.call("test_elicitation_sep1034_defaults", {})
                    self.assertIn('"name":"John Doe"', told["content"][0]["text"])
                    told = client.call("test_sampling", {"prompt": "Say something"})
                    self.assertEqual(told["content"][0]["text"], "LLM response: An answer.")

    def test_an_era_that_is_switched_off_is_refused(self):
        with self.assertRaises(Refused):
            Client(self.start(FIXTURE, "--eras", "legacy"), None, "2026-07-28")
        with self.assertRaises(Refused):
            Client(self.start(FIXTURE, "--eras", "modern"), None, "2025-11-25")

    def test_the_second_server_has_names_of_its_own(self):
        client = Client(self.start(FIXTURE, "--second"), None, "2026-07-28")
        self.assertEqual([x["name"] for x in client.tools()], ["echo", "multiply"])
        self.assertEqual(client.call("echo", {})["content"][0]["text"], "Echo: ")


class OAuth(FixtureTest):
    """The authorization server inside the fixture."""

    def setUp(self):
        self.url = self.start(FIXTURE, "--oauth", "--scopes", "mcp extra")
        self.origin = self.url.removesuffix("/mcp")

    def metadata(self):
        answer = fetch("POST", self.url, None, LIST, ACCEPT)
        self.assertEqual(answer.status, 401)
        self.assertIn('scope="mcp extra"', answer.headers["WWW-Authenticate"])
        place = answer.headers["WWW-Authenticate"].split('resource_metadata="')[1].split('"')[0]
        resource = fetch("GET", place).json()
        self.assertEqual(resource["resource"], self.url)
        issuer = resource["authorization_servers"][0]
        return fetch("GET", f"{issuer}/.well-known/oauth-authorization-server").json()

    def register(self, metadata):
        answer = fetch("POST", metadata["registration_endpoint"], None,
                       {"redirect_uris": [BACK], "token_endpoint_auth_method": "none"})
        self.assertEqual(answer.status, 201, answer)
        return answer.json()["client_id"]

    def authorize(self, metadata, client, verifier, scope="mcp extra"):
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": client, "redirect_uri": BACK, "state": "s",
            "scope": scope, "resource": self.url, "code_challenge_method": "S256",
            "code_challenge": proof.rstrip(b"=").decode()})
        answer = fetch("GET", f"{metadata['authorization_endpoint']}?{query}")
        self.assertEqual(answer.status, 302, answer)
        back = dict(urllib.parse.parse_qsl(
            urllib.parse.urlsplit(answer.headers["Location"]).query))
        self.assertEqual((back["state"], back["iss"]), ("s", self.origin))
        return back["code"]

    def token(self, metadata, client, **fields):
        form = urllib.parse.urlencode({"client_id": client, "resource": self.url, **fields})
        return fetch("POST", metadata["token_endpoint"], None, form,
                     {"Content-Type": "application/x-www-form-urlencoded"})

    def connected(self, scope="mcp extra"):
        metadata = self.metadata()
        client = self.register(metadata)
        verifier = secrets.token_urlsafe(48)
        code = self.authorize(metadata, client, verifier, scope)
        answer = self.token(metadata, client, grant_type="authorization_code", code=code,
                            redirect_uri=BACK, code_verifier=verifier)
        self.assertEqual(answer.status, 200, answer)
        return metadata, client, answer.json()

    def test_a_token_opens_the_server_until_it_is_over_and_is_renewed_once(self):
        metadata, client, tokens = self.connected()
        self.assertTrue(Client(self.url, tokens["access_token"], "2026-07-28").tools())
        fetch("POST", f"{self.origin}/control/expire")
        answer = fetch("POST", self.url, tokens["access_token"], LIST, ACCEPT)
        self.assertEqual(answer.status, 401)
        self.assertIn('error="invalid_token"', answer.headers["WWW-Authenticate"])
        renewal = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        renewed = self.token(metadata, client, **renewal)
        self.assertTrue(Client(self.url, renewed.json()["access_token"], "2025-11-25").tools())
        again = self.token(metadata, client, **renewal)
        self.assertEqual((again.status, again.json()["error"]), (400, "invalid_grant"))
        self.assertEqual(counters(self.url)["refused_refreshes"], 1)

    def test_a_small_scope_is_told_apart_from_a_bad_token(self):
        tokens = self.connected("mcp")[2]
        answer = fetch("POST", self.url, tokens["access_token"], LIST, ACCEPT)
        self.assertEqual(answer.status, 403)
        self.assertIn('error="insufficient_scope"', answer.headers["WWW-Authenticate"])

    def test_the_proof_of_the_code_is_checked_and_a_code_is_good_once(self):
        metadata = self.metadata()
        client = self.register(metadata)
        verifier = secrets.token_urlsafe(48)
        code = self.authorize(metadata, client, verifier)
        fields = {"grant_type": "authorization_code", "redirect_uri": BACK, "code": code}
        wrong = self.token(metadata, client, code_verifier=verifier + "x", **fields)
        self.assertEqual((wrong.status, wrong.json()["error"]), (400, "invalid_grant"))
        again = self.token(metadata, client, code_verifier=verifier, **fields)
        self.assertEqual((again.status, again.json()["error"]), (400, "invalid_grant"))


if __name__ == "__main__":
    cases.main()
