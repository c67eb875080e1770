"""The MCP endpoint over the wire, stateless era 2026-07-28, and the endpoint of all apps
(C1, C6, C32, rows N1 to N19), and allow-lists of tools on every surface."""

import uuid

from cases import SystemTest, main
from harness import Stream, connections_to, eventually, fetch, port_of
from tenants import MCP_ACCEPT, initialize, settled, tool_names

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
ISSUE_POST = "POST /github/api/repos/octocat/hello-world/issues"
ISSUE = {"owner": "octocat", "repo": "hello-world"}


def body_of(method, params=None, id_=1, version=VERSION, **meta):
    envelope = {PREFIX + "protocolVersion": version, PREFIX + "clientCapabilities": {},
                PREFIX + "clientInfo": {"name": "system-test", "version": "1"}, **meta}
    return {"jsonrpc": "2.0", "id": id_, "method": method,
            "params": {**(params or {}), "_meta": envelope}}


class McpStateless(SystemTest):
    """One connected user, no session anywhere."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.world.platform().connected_user()
        cls.url = f"{cls.world.node.mcp}/mcp/github"

    def headers(self, message, **more):
        params = message.get("params", {})
        found = {**MCP_ACCEPT, "MCP-Protocol-Version": VERSION, "Mcp-Method": message["method"]}
        if "name" in params:
            found["Mcp-Name"] = params["name"]
        return {**found, **more}

    def ask(self, method, params=None, path="/mcp/github", key=None, **more):
        message = body_of(method, params)
        return fetch("POST", self.world.node.mcp + path, key or self.user.key, message,
                     self.headers(message, **more))

    def create_issue(self, title, **more):
        return self.ask("tools/call", {"name": "github_create_issue",
                                       "arguments": {**ISSUE, "title": title}}, **more)

    # -- the protocol ----------------------------------------------------------

    def test_n1_discover_and_n17_no_session_is_minted(self):
        answer = self.ask("server/discover", **{"Mcp-Session-Id": "x"})
        self.assertEqual(answer.status, 200, answer)
        self.assertNotIn("Mcp-Session-Id", answer.headers)
        result = answer.json()["result"]
        self.assertEqual(result["supportedVersions"], [VERSION])
        self.assertEqual(result["resultType"], "complete")
        self.assertIn("tools", result["capabilities"])
        self.assertEqual(result["cacheScope"], "private")

    def test_n10_tools_are_listed_and_called(self):
        listed = self.ask("tools/list")
        self.assertEqual(len(tool_names(listed)), 10)
        self.assertEqual(listed.text, self.ask("tools/list").text, "a deterministic order")
        made = self.create_issue("Stateless")
        self.assertFalse(made.json()["result"]["isError"], made)
        self.assertEqual(made.json()["result"]["resultType"], "complete")

    def test_n2_to_n7_what_is_wrong_has_its_code_and_status(self):
        message = body_of("tools/list")
        good = self.headers(message)
        del message["params"]["_meta"][PREFIX + "clientCapabilities"]
        self.assert_rpc_error(fetch("POST", self.url, self.user.key, message, good), 400, -32602)
        plain = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        self.assert_rpc_error(fetch("POST", self.url, self.user.key, plain, good), 400, -32602)
        self.assert_rpc_error(
            self.ask("tools/list", **{"MCP-Protocol-Version": "2025-11-25"}), 400, -32020)
        self.assert_rpc_error(self.ask("tools/list", **{"Mcp-Method": "tools/call"}), 400, -32020)
        unknown = body_of("tools/list", version="2030-01-01")
        error = self.assert_rpc_error(
            fetch("POST", self.url, self.user.key, unknown,
                  {**good, "MCP-Protocol-Version": "2030-01-01"}), 400, -32022)
        self.assertEqual(error["data"], {"supported": [VERSION], "requested": "2030-01-01"})
        for method in ("ping", "logging/setLevel", "resources/subscribe", "no/such"):
            self.assert_rpc_error(self.ask(method), 404, -32601)
        self.assert_rpc_error(self.ask("tools/call", {"name": "no_such"}), 200, -32602)
        batch = fetch("POST", self.url, self.user.key, [body_of("tools/list")], good)
        self.assert_rpc_error(batch, 400, -32600)

    def test_n17_get_and_delete_are_405(self):
        for method in ("GET", "DELETE"):
            answer = fetch(method, self.url, self.user.key, headers={
                "Accept": "text/event-stream", "MCP-Protocol-Version": VERSION})
            self.assertEqual(answer.status, 405, answer)

    def test_n15_a_subscription_is_acknowledged_and_told_of_changes(self):
        platform = self.world.platform()
        user = platform.connected_user()
        message = body_of("subscriptions/listen",
                          {"notifications": {"toolsListChanged": True}}, id_=0)
        with Stream("POST", self.url, user.key, message, self.headers(message)) as stream:
            self.assertEqual(stream.status, 200)
            events = stream.events()
            first = next(events).json()
            self.assertEqual(first["method"], "notifications/subscriptions/acknowledged")
            self.assertEqual(first["params"]["_meta"][PREFIX + "subscriptionId"], 0)
            platform.settings(allowed_tools=["github_get_*"])
            change = next(events).json()
            self.assertEqual(change["method"], "notifications/tools/list_changed")

    def test_n14_closing_the_connection_cancels_the_call(self):
        port = port_of(self.sandbox.url)
        idle = connections_to(port)
        self.sandbox.fault(ISSUE_POST, "hang")
        message = body_of("tools/call", {"name": "github_create_issue",
                                         "arguments": {**ISSUE, "title": "Closed"}})
        with self.assertRaises(OSError):  # no answer within a second: the connection is closed
            Stream("POST", self.url, self.user.key, message, self.headers(message), timeout=1)
        eventually(lambda: connections_to(port) <= idle, 5,
                   what="the connection to the provider to be closed")
        settled(self.user.platform)

    # -- all apps --------------------------------------------------------------

    def test_all_connected_apps_behind_one_url_in_both_eras(self):
        listed = self.ask("tools/list", path="/mcp")
        self.assertEqual(len(tool_names(listed)), 10)
        self.assertFalse(self.create_issue("All", path="/mcp").json()["result"]["isError"])
        once = {"Idempotency-Key": str(uuid.uuid4())}
        twice = [self.create_issue("All once", path="/mcp", **once) for _ in range(2)]
        self.assertEqual([x.headers["Idempotent-Replayed"] for x in twice], [None, "true"])
        nobody = self.user.platform.end_user()
        self.assertEqual(tool_names(self.ask("tools/list", path="/mcp", key=nobody.key)), [])
        hello = fetch("POST", f"{self.world.node.mcp}/mcp", self.user.key, initialize(),
                      MCP_ACCEPT)
        self.assertEqual(hello.status, 200, hello)
        listed = fetch("POST", f"{self.world.node.mcp}/mcp", self.user.key,
                       {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
                       {**MCP_ACCEPT, "Mcp-Session-Id": hello.headers["Mcp-Session-Id"]})
        self.assertEqual(len(tool_names(listed)), 10)

    # -- allow-lists -----------------------------------------------------------

    def test_a_hidden_tool_is_neither_listed_nor_callable_anywhere(self):
        platform = self.world.platform()
        user = platform.connected_user()
        session = user.session()
        platform.settings(allowed_tools=["github_*"])
        platform.ask("PATCH", f"/end-users/{user.id}", {"allowed_tools": ["github_get_*"]})
        made = platform.ask("POST", "/api-keys", {
            "end_user_id": user.id, "allowed_tools": ["github_get_issue"]})
        self.assertEqual(made["allowed_tools"], ["github_get_issue"])

        def names(key):
            return tool_names(self.ask("tools/list", key=key))
        eventually(lambda: all(x.startswith("github_get_") for x in names(user.key)),
                   what="the list of the user")
        self.assertEqual(names(made["raw_key"]), ["github_get_issue"])
        self.assert_rpc_error(self.create_issue("Hidden", key=user.key), 200, -32602)
        self.assert_rpc_error(session.create_issue("Hidden"), 200, -32602)
        self.assertTrue(all(x.startswith("github_get_")
                            for x in tool_names(session.ask("tools/list"))))
        platform.ask("PATCH", f"/end-users/{user.id}", {"allowed_tools": None})
        eventually(lambda: len(names(user.key)) == 10, what="the whole list again")
        bad = platform.call("PATCH", f"/end-users/{user.id}", {"allowed_tools": ["a*b"]})
        self.assertEqual(bad.status, 422, bad)


if __name__ == "__main__":
    main()
