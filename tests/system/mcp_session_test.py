"""The MCP endpoint over the wire, session era (R103 to R106, I60 to I72, rows L1 to L22)."""

import http.client
import threading
import unittest

from cases import SystemTest, main
from harness import Stream, connections_to, eventually, fetch, port_of
from tenants import MCP_ACCEPT, initialize, settled, tool_names

ISSUE_POST = "POST /github/api/repos/octocat/hello-world/issues"


class McpSession(SystemTest):
    """One connected user; sessions by hand."""

    node_options = ("--session-ttl", "4s")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.world.platform().connected_user()
        cls.url = f"{cls.world.node.mcp}/mcp/github"

    def post(self, message, **headers):
        return fetch("POST", self.url, self.user.key, message, {**MCP_ACCEPT, **headers})

    # -- handshake -------------------------------------------------------------

    def test_l1_every_known_version_is_echoed(self):
        for version in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"):
            with self.subTest(version=version):
                session = self.user.session(version=version)
                self.assertEqual(session.version, version)
                self.assertIn("tools", session.hello["capabilities"])
                self.assertTrue(session.hello["serverInfo"]["name"])

    def test_l1_an_unknown_version_is_answered_with_the_newest(self):
        for version in ("1999-01-01", "2026-07-28", "nonsense"):
            self.assertEqual(self.user.session(version=version).version, "2025-11-25")

    def test_l2_session_ids_are_long_and_visible_ascii(self):
        ids = {self.user.session().id for _ in range(5)}
        self.assertEqual(len(ids), 5)
        for one in ids:
            self.assertRegex(one, r"^[\x21-\x7e]{32,}$")

    def test_l3_a_request_without_session_is_400(self):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        self.assert_rpc_error(self.post(message), 400, -32000)
        self.assert_rpc_error(self.post(message, **{"Mcp-Session-Id": ""}), 400, -32000)

    def test_l4_an_unknown_session_is_404(self):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        for id_ in ("unknown", "x" * 43, "x" * 300):
            answer = self.post(message, **{"Mcp-Session-Id": id_})
            self.assert_rpc_error(answer, 404, -32001)
            self.assertIsNone(answer.json()["id"])
        stream = Stream("GET", self.url, self.user.key,
                        headers={"Accept": "text/event-stream", "Mcp-Session-Id": "unknown"})
        self.assertEqual(stream.status, 404)
        stream.close()

    def test_l5_a_second_initialize_is_refused(self):
        session = self.user.session()
        self.assert_rpc_error(session.post(initialize(id_=9)), 400, -32600)
        self.assertEqual(session.ask("ping").status, 200)

    def test_l6_the_version_header_is_checked(self):
        session = self.user.session()
        bad = session.ask("tools/list", **{"MCP-Protocol-Version": "1999-01-01"})
        self.assert_rpc_error(bad, 400, -32000)
        for version in ("2025-03-26", "2024-11-05", "2025-06-18"):
            self.assertEqual(session.ask("tools/list", **{"MCP-Protocol-Version": version}).status,
                             200)
        plain = {k: v for k, v in session.headers().items() if k != "MCP-Protocol-Version"}
        answer = fetch("POST", self.url, self.user.key,
                       {"jsonrpc": "2.0", "id": 1, "method": "ping"}, plain)
        self.assertEqual(answer.json(), {"jsonrpc": "2.0", "id": 1, "result": {}})

    # -- streams ---------------------------------------------------------------

    def test_l7_the_stream_opens_and_a_second_one_replaces_it(self):
        session = self.user.session()
        first = session.stream()
        self.assertEqual(first.status, 200)
        self.assertEqual(first.headers.get_content_type(), "text/event-stream")
        second = session.stream()
        self.assertEqual(second.status, 200)
        self.assertEqual(list(first.events()), [])
        self.assertEqual(session.ask("ping").json()["result"], {})
        session.end()
        self.assertEqual(list(second.events()), [])
        for stream in (first, second):
            stream.close()

    def test_l7_a_stream_needs_its_accept(self):
        session = self.user.session()
        headers = {"Mcp-Session-Id": session.id}
        for accept in ({}, {"Accept": "application/json"}):
            answer = fetch("GET", self.url, self.user.key, headers={**headers, **accept})
            self.assertEqual(answer.status, 406, answer)

    def test_l8_a_stream_without_session_is_405(self):
        answer = fetch("GET", self.url, self.user.key, headers={"Accept": "text/event-stream"})
        self.assertEqual(answer.status, 405, answer)
        self.assertEqual(answer.headers["Allow"], "POST, DELETE")

    def test_l9_answers_never_come_on_the_stream(self):
        session = self.user.session()
        seen = []
        with session.stream() as stream:
            reader = threading.Thread(target=lambda: seen.extend(stream.events()))
            reader.start()
            for _ in range(3):
                self.assertEqual(len(tool_names(session.ask("tools/list"))), 10)
            self.assertIn(session.end().status, (200, 204))
            reader.join(10)
        self.assertEqual(seen, [])

    def test_l10_delete_ends_a_session(self):
        session = self.user.session()
        self.assertIn(session.end().status, (200, 204))
        self.assert_rpc_error(session.ask("ping"), 404, -32001)
        self.assertEqual(session.end().status, 404)
        bare = fetch("DELETE", self.url, self.user.key)
        self.assertEqual(bare.status, 400, bare)

    def test_l8_other_methods_are_405(self):
        for method in ("PUT", "PATCH", "HEAD"):
            answer = fetch(method, self.url, self.user.key)
            self.assertEqual(answer.status, 405, method)
            for allowed in ("GET", "POST", "DELETE"):
                self.assertIn(allowed, answer.headers["Allow"])

    # -- messages --------------------------------------------------------------

    def test_i60_notifications_are_202_without_a_body(self):
        session = self.user.session()
        for method in ("notifications/initialized", "notifications/whatever"):
            answer = session.post({"jsonrpc": "2.0", "method": method})
            self.assertEqual((answer.status, answer.text), (202, ""))
        answer = session.post({"jsonrpc": "2.0", "id": 5, "result": {}})
        self.assertEqual(answer.status, 202, "an answer to nothing is taken and forgotten")

    def test_l14_ids_come_back_with_their_type(self):
        session = self.user.session()
        for id_ in (0, 1, -7, "", "1", "ü", 2**53):
            answer = session.post({"jsonrpc": "2.0", "id": id_, "method": "ping"})
            self.assertEqual(answer.json(), {"jsonrpc": "2.0", "id": id_, "result": {}})

    def test_l16_set_level_answers_and_checks(self):
        session = self.user.session()
        good = session.ask("logging/setLevel", {"level": "info"})
        self.assertEqual(good.json()["result"], {})
        self.assert_rpc_error(session.ask("logging/setLevel", {"level": "loud"}), 200, -32602)

    def test_l17_tools_come_on_one_page_and_cursors_are_checked(self):
        session = self.user.session()
        answer = session.ask("tools/list")
        self.assertNotIn("nextCursor", answer.json()["result"])
        self.assertEqual(len(tool_names(answer)), 10)
        self.assertIn("github_create_issue", tool_names(answer))
        for tool in answer.json()["result"]["tools"]:
            self.assertEqual(tool["inputSchema"]["type"], "object")
            self.assertTrue(tool["description"])
            self.assertIn("readOnlyHint", tool["annotations"])
        self.assert_rpc_error(session.ask("tools/list", {"cursor": "page-2"}), 200, -32602)

    def test_l18_errors_have_their_codes(self):
        session = self.user.session()
        self.assert_rpc_error(session.ask("resources/list"), 200, -32601)
        self.assert_rpc_error(session.call("github_no_such_tool", {}), 200, -32602)
        self.assert_rpc_error(session.call("slack_send_message", {}), 200, -32602)
        self.assert_rpc_error(session.ask("tools/call", {"arguments": {}}), 200, -32602)
        self.assert_rpc_error(session.ask("tools/call", {"name": "github_create_issue",
                                                         "arguments": []}), 200, -32602)
        self.assert_status(session.post('{"jsonrpc":'), 415, "unsupported_media_type")
        json_type = {"Content-Type": "application/json"}
        self.assert_rpc_error(session.post('{"jsonrpc":', **json_type), 400, -32700)
        for message in ({"id": 1, "method": "ping"}, {"jsonrpc": "1.0", "id": 1, "method": "ping"},
                        {"jsonrpc": "2.0", "id": 1}, {"jsonrpc": "2.0", "id": {}, "method": "x"},
                        7, [], "x"):
            self.assert_rpc_error(session.post(message if not isinstance(message, str)
                                               else '"x"', **json_type), 400, -32600)

    def test_l18_bad_arguments_are_a_result_that_says_what_is_wrong(self):
        session = self.user.session()
        before = self.user.platform.usage()["free_calls_used"]
        for arguments, word in (({}, "owner"), ({"owner": "octocat", "repo": "x"}, "title"),
                                ({"owner": "octocat", "repo": "x", "title": 7}, "title"),
                                ({"owner": "../..", "repo": "x", "title": "t"}, "owner"),
                                ({"owner": "o", "repo": "x", "title": "t", "no": 1}, "no")):
            answer = session.call("github_create_issue", arguments)
            self.assert_tool_text(answer, word, is_error=True)
        self.assertEqual(self.user.platform.usage()["free_calls_used"], before)

    def test_l19_batches_belong_to_one_version_only(self):
        batch = [{"jsonrpc": "2.0", "id": 1, "method": "ping"},
                 {"jsonrpc": "2.0", "method": "notifications/initialized"},
                 {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
                 {"jsonrpc": "2.0", "id": 3, "method": "nope"}]
        old = self.user.session(version="2025-03-26")
        answers = {x["id"]: x for x in old.post(batch).json()}
        self.assertEqual(set(answers), {1, 2, 3})
        self.assertEqual(answers[3]["error"]["code"], -32601)
        self.assertEqual(len(answers[2]["result"]["tools"]), 10)
        new = self.user.session(version="2025-11-25")
        self.assert_rpc_error(new.post(batch), 400, -32600)
        self.assertEqual(self.post([initialize(version="2025-03-26")]).status, 400)

    def test_l20_the_session_serves_before_initialized(self):
        self.assertEqual(len(tool_names(self.user.session().ask("tools/list"))), 10)

    def test_c1_accept_is_taken_leniently(self):
        session = self.user.session()
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        for accept in ("application/json", "*/*", "text/event-stream, application/json"):
            self.assertEqual(session.post(message, Accept=accept).status, 200)
        self.assertEqual(session.post(message, Accept="text/html").status, 406)

    def test_c32_the_body_decides_the_era_and_headers_are_compared(self):
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}}})
        self.assert_rpc_error(answer, 400, -32020)

    # -- whose session it is ---------------------------------------------------

    def test_l21_a_session_works_only_with_its_user_and_app(self):
        session = self.user.session()
        neighbour = self.user.platform.connected_user()
        stranger = self.world.platform().connected_user()
        for other in (neighbour, stranger):
            answer = session.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, other.key)
            self.assert_rpc_error(answer, 404, -32001)
        elsewhere = fetch("POST", f"{self.node.mcp}/mcp/slack", self.user.key,
                          {"jsonrpc": "2.0", "id": 1, "method": "ping"}, session.headers())
        self.assertEqual(elsewhere.status, 404)
        keyless = session.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, "sk-eu_wrong")
        self.assertEqual(keyless.status, 401)
        self.assertEqual(session.ask("ping").status, 200)

    def test_i67_an_app_that_is_unknown_or_not_connected_is_refused_before_a_session(self):
        unknown = fetch("POST", f"{self.node.mcp}/mcp/myspace", self.user.key, initialize(),
                        MCP_ACCEPT)
        self.assertEqual(unknown.status, 404)
        platform = self.world.platform()
        user = platform.end_user()
        for activate in (False, True):
            if activate:
                platform.activate()
            answer = fetch("POST", self.url, user.key, initialize(), MCP_ACCEPT)
            self.assertEqual(answer.status, 403, answer)
            self.assertEqual(answer.json()["error"]["data"]["code"], "app_not_connected")
            self.assertIsNone(answer.headers["Mcp-Session-Id"])

    def test_i7_a_missing_key_is_401_and_there_is_no_oauth_to_discover(self):
        answer = fetch("POST", self.url, None, initialize(), MCP_ACCEPT)
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
        for path in ("oauth-authorization-server", "oauth-protected-resource",
                     "oauth-protected-resource/mcp/github"):
            found = fetch("GET", f"{self.node.mcp}/.well-known/{path}")
            self.assert_status(found, 404, "not_found")

    def test_i70_foreign_pages_and_rebound_names_are_refused(self):
        session = self.user.session()
        self.assertEqual(session.ask("ping", Origin="https://evil.example").status, 403)
        self.assertEqual(session.ask("ping", Origin="http://localhost:5173").status, 200)
        rebound = http.client.HTTPConnection("127.0.0.1", port_of(self.url), timeout=10)
        rebound.putrequest("GET", "/mcp/github", skip_host=True)
        rebound.putheader("Host", "evil.example")
        rebound.endheaders()
        self.assertEqual(rebound.getresponse().status, 403)
        rebound.close()

    def test_l22_an_idle_session_ends_and_a_used_one_does_not(self):
        idle, used = self.user.session(), self.user.session()

        def idle_row_is_over():
            self.assertEqual(used.ask("ping").status, 200)
            rows = self.node.sql("SELECT count(*) FROM session WHERE expires_at > now() "
                                 f"AND end_user_id = '{self.user.id}'")
            return int(rows[0][0]) <= 1

        eventually(idle_row_is_over, 15, 0.5, "the idle session to expire")
        self.assert_rpc_error(idle.ask("ping"), 404, -32001)
        self.assertEqual(used.ask("ping").status, 200)

    # -- tool calls ------------------------------------------------------------

    def test_a_tool_call_really_happens_and_its_result_can_be_read_back(self):
        session = self.user.session()
        text = self.assert_tool_text(session.create_issue("By hand"), "Issue #")
        number = int(text.split("#")[1].split()[0].rstrip(":."))
        read = session.call("github_get_issue", {"owner": "octocat", "repo": "hello-world",
                                                 "issue_number": number})
        self.assert_tool_text(read, "By hand")
        asked = self.sandbox.requests(ISSUE_POST)[-1]
        self.assertTrue(asked["headers"]["authorization"].startswith("Bearer ..."))
        self.assertNotIn(self.user.key, str(asked))

    def test_l13_a_cancelled_call_stops_the_provider_and_closes_its_answer(self):
        session = self.user.session()
        port = port_of(self.sandbox.url)
        self.sandbox.fault(ISSUE_POST, "hang")
        answers = []
        caller = threading.Thread(target=lambda: answers.append(
            session.post({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": {
                "name": "github_create_issue", "arguments": {
                    "owner": "octocat", "repo": "hello-world", "title": "Never"}}})))
        idle = connections_to(port)
        caller.start()
        eventually(lambda: self.sandbox.requests(ISSUE_POST)
                   and "Never" in self.sandbox.requests(ISSUE_POST)[-1]["body"])
        session.post({"jsonrpc": "2.0", "method": "notifications/cancelled",
                      "params": {"requestId": "slow", "reason": "test"}})
        caller.join(10)
        self.assertEqual([(x.status, x.text) for x in answers], [(200, "")])
        eventually(lambda: connections_to(port) <= idle, 5,
                   what="the connection to the provider to be closed")
        settled(self.user.platform)
        self.assertEqual(session.post({"jsonrpc": "2.0", "method": "notifications/cancelled",
                                       "params": {"requestId": 99}}).status, 202)
        self.assertEqual(session.ask("ping").status, 200)

    def test_l13_a_client_that_left_has_not_cancelled(self):
        session = self.user.session()
        self.sandbox.fault(ISSUE_POST, "delay", delay_ms=700)
        with self.assertRaises(TimeoutError):
            session.create_issue("Left alone", timeout=0.3)
        eventually(lambda: "Left alone" in self.sandbox.issues(), 5)
        settled(self.user.platform)
        self.assert_money_is_exact()

    def test_calls_of_one_session_run_side_by_side(self):
        session = self.user.session()
        self.sandbox.fault(ISSUE_POST, "delay", times=5, delay_ms=800)
        answers = []
        callers = [threading.Thread(target=lambda i=i: answers.append(
            session.post({"jsonrpc": "2.0", "id": f"c{i}", "method": "tools/call", "params": {
                "name": "github_create_issue", "arguments": {
                    "owner": "octocat", "repo": "hello-world", "title": f"Side {i}"}}})))
                   for i in range(5)]
        for caller in callers:
            caller.start()
        self.assertEqual(session.ask("ping").status, 200)
        for caller in callers:
            caller.join(20)
        self.assertEqual(sorted(x.json()["id"] for x in answers), [f"c{i}" for i in range(5)])


class Restart(SystemTest):
    """Sessions outlive the process (I71)."""

    def test_a_session_goes_on_after_kill_9_and_after_an_orderly_restart(self):
        user = self.world.platform().connected_user()
        sessions = [user.session() for _ in range(3)]
        self.assert_tool_text(sessions[0].create_issue("first life"), "Issue #")
        self.node.restart()
        for session in sessions:
            self.assertEqual(len(tool_names(session.ask("tools/list"))), 10)
        self.assert_tool_text(sessions[1].create_issue("second life"), "Issue #")
        self.assertEqual(self.node.program.terminate(), 0)
        self.node.start()
        for session in sessions:
            with session.stream() as stream:
                self.assertEqual(stream.status, 200)
        self.assert_tool_text(sessions[2].create_issue("third life"), "Issue #")
        self.assert_rpc_error(fetch("POST", sessions[0].url, user.key,
                                    {"jsonrpc": "2.0", "id": 1, "method": "ping"},
                                    {**MCP_ACCEPT, "Mcp-Session-Id": "never"}), 404, -32001)
        self.assert_money_is_exact()


if __name__ == "__main__":
    main()
