"""Remote MCP servers as apps: registered, offered, called, paid, switched off.

C19, C28, C29, I25, I53, X1, F1.
"""

import json

from cases import SystemTest, main
from harness import eventually
from remote_server import ERAS, RemoteServer
from tenants import MCP_ACCEPT, TOOL_PRICE, micros, settled


def calls_text(*calls):
    """What makes sandbox-parallel call exactly these tools."""
    return f"Do it:\n```json\n{json.dumps(calls)}\n```"


def say(text):
    return {"name": "say", "arguments": {"text": text}}


def stateless_call(tool, arguments):
    """A tools/call of 2026-07-28."""
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": tool, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}}}


def stateless_headers(tool):
    return {**MCP_ACCEPT, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
            "Mcp-Name": tool}


def outputs(response):
    return [x.get("output") or x.get("error") for x in response["output"]
            if x["type"] == "mcp_call"]


class RemoteServers(SystemTest):
    """A server of either era behind the gateway."""

    models = ("sandbox-parallel",)

    def serve(self, **options):
        server = RemoteServer(**options)
        self.addCleanup(server.close)
        return server

    def register(self, platform, server, slug="docs", **fields):
        return platform.call("POST", "/mcp/servers", {"slug": slug, "url": server.url, **fields})

    def test_a_call_repeated_under_its_key_reaches_the_server_once(self):
        for era in ERAS:
            with self.subTest(era=era):
                server = self.serve(era=era)
                platform = self.world.platform()
                platform.settings(free_calls_per_month=0)
                self.assert_status(self.register(platform, server), 201)
                session = platform.end_user().session("docs")
                once = {"Idempotency-Key": f"order-{era}"}
                first = session.call("say", {"text": "hello"}, **once)
                again = session.call("say", {"text": "hello"}, **once)
                self.assert_tool_text(first, "You said: hello")
                self.assertEqual(again.json()["result"], first.json()["result"])
                other = session.call("say", {"text": "bye"}, **once)
                self.assertEqual(other.json()["error"]["data"]["code"], "idempotency_mismatch")
                self.assertEqual(len(server.asked("tools/call")), 1)
                settled(platform)
                self.assertEqual(len(platform.logs()), 1)
                self.assert_money_is_exact()

    def respond(self, user, *calls):
        answer = user.respond("sandbox-parallel", calls_text(*calls), tools=user.tools())
        self.assert_status(answer, 200)
        return answer.json()

    def test_a_server_of_each_era_is_an_app(self):
        for era in ERAS:
            for events in (False, True):
                with self.subTest(era=era, events=events):
                    server = self.serve(era=era, events=events)
                    platform = self.world.platform()
                    user = platform.end_user()
                    self.assert_status(self.register(platform, server, name="Docs"), 201)
                    apps = user.mcp("GET", "/apps").json()["data"]
                    self.assertEqual([x["app_slug"] for x in apps], ["docs"])
                    connections = user.mcp("GET", "/connections").json()["data"]
                    self.assertEqual([x["appSlug"] for x in connections], ["docs"])
                    self.assertIn("docs", user.config()["standard"])
                    response = self.respond(user, say("hello"))
                    self.assertEqual(outputs(response), ["You said: hello"])
                    self.assertEqual(platform.usage()["free_calls_used"], 1)
                    settled(platform)
                    self.assertEqual(len(server.asked("tools/call")), 1)
                    # No key of ours ever goes to the server.
                    self.assertNotIn(user.key, json.dumps(server.requests))

    def test_answers_say_what_calls_of_either_era_cost(self):
        for era in ERAS:
            with self.subTest(era=era):
                server = self.serve(era=era)
                platform = self.world.platform()
                platform.settings(free_calls_per_month=0)
                self.assert_status(self.register(platform, server), 201)
                user = platform.end_user()
                before = platform.balance()
                answer = user.respond("sandbox-parallel", calls_text(say("a"), say("b")),
                                      tools=user.tools())
                self.assert_status(answer, 200)
                self.assertEqual(outputs(answer.json()), ["You said: a", "You said: b"])
                cost = micros(answer.headers["x-callboard-cost-usd"])
                settled(platform)
                self.assertEqual(before - platform.balance(), cost)
                self.assertGreater(cost, 2 * micros(TOOL_PRICE)) # and its turns
                by_session = user.session("docs").call("say", {"text": "c"})
                by_itself = user.mcp("POST", "/mcp/docs", stateless_call("say", {"text": "d"}),
                                     stateless_headers("say"))
                at_all_apps = user.mcp("POST", "/mcp", stateless_call("say", {"text": "e"}),
                                       stateless_headers("say"))
                for call in (by_session, by_itself, at_all_apps):
                    self.assert_status(call, 200)
                    self.assertIn("You said: ", call.text)
                    self.assertEqual(micros(call.headers["x-callboard-cost-usd"]),
                                     micros(TOOL_PRICE))
                    self.assertIsNone(call.headers["x-callboard-balance-usd"])
                    self.assertGreater(float(call.headers["x-callboard-overhead-ms"]), 0)
                settled(platform)
                self.assertEqual(before - platform.balance(), cost + 3 * micros(TOOL_PRICE))
                self.assert_money_is_exact()

    def test_a_tool_that_fails_is_a_result_and_one_that_is_down_costs_nothing(self):
        server = self.serve()
        platform = self.world.platform()
        user = platform.end_user()
        self.register(platform, server)
        self.assertEqual(outputs(self.respond(user, {"name": "fail", "arguments": {}})),
                         ["It failed."])
        self.assertEqual(platform.usage()["free_calls_used"], 1)
        server.close()
        (text,) = outputs(self.respond(user, say("x")))
        self.assertIn("could not do this", json.dumps(text))
        settled(platform)
        self.assertEqual(platform.usage()["free_calls_used"], 1)

    def test_a_changed_tool_is_withheld_until_it_is_approved(self):
        server = self.serve()
        platform = self.world.platform()
        user = platform.end_user()
        self.register(platform, server)
        self.respond(user, say("x"))
        server.description = "Now it says something else."
        # The node asks again when it has forgotten what it knew.
        platform.ask("PATCH", "/mcp/servers/docs", {"url": server.url + "?again"})
        names = lambda: {x["name"]: x["approved"]
                         for x in platform.ask("GET", "/mcp/servers/docs")["tools"]}
        self.respond(user, say("x"))
        eventually(lambda: names() == {"say": False, "fail": True}, what="the change to be seen")
        before = len(server.asked("tools/call"))
        self.respond(user, say("x"))
        self.assertEqual(len(server.asked("tools/call")), before)
        answer = platform.call("POST", "/mcp/servers/docs/approvals", {"tool": "say"})
        self.assert_status(answer, 200)
        self.assertEqual(answer.json(), {"approved": ["say"]})
        eventually(lambda: outputs(self.respond(user, say("y"))) == ["You said: y"],
                   what="the tool to be offered again")

    def test_header_allow_list_and_prefix(self):
        server = self.serve(era="session")
        server.header = ("X-Api-Key", "s3cret")
        platform = self.world.platform()
        user = platform.end_user()
        made = self.register(platform, server, tool_prefix="d_", allowed_tools=["say"],
                             auth={"type": "header", "name": "X-Api-Key", "value": "s3cret"})
        self.assert_status(made, 201)
        self.assertNotIn("s3cret", made.text)
        response = self.respond(user, {"name": "d_say", "arguments": {"text": "hi"}})
        listed = [x for x in response["output"] if x["type"] == "mcp_list_tools"][0]
        self.assertEqual([x["name"] for x in listed["tools"]], ["d_say"])
        self.assertEqual(outputs(response), ["You said: hi"])

    def test_a_server_that_is_switched_off_or_deleted_is_gone(self):
        server = self.serve()
        platform = self.world.platform()
        user = platform.end_user()
        self.register(platform, server)
        tools = user.tools()
        platform.ask("PATCH", "/mcp/servers/docs", {"is_active": False})
        self.assertEqual(user.mcp("GET", "/apps").json()["data"], [])
        self.assertEqual(user.tools(), [])
        self.assert_status(user.respond("sandbox-parallel", "x", tools=tools), 422)
        platform.ask("PATCH", "/mcp/servers/docs", {"is_active": True})
        self.assertEqual(outputs(self.respond(user, say("x"))), ["You said: x"])
        self.assert_status(platform.call("DELETE", "/mcp/servers/docs"), 204)
        self.assert_status(platform.call("DELETE", "/mcp/servers/docs"), 404)
        self.assertEqual(user.tools(), [])

    def test_what_is_wrong_is_named(self):
        server = self.serve()
        platform = self.world.platform()
        good = {"slug": "docs", "url": server.url}
        for changes, param in (
                ({"slug": "github"}, "slug"), ({"slug": "Docs!"}, "slug"), ({"slug": None}, "slug"),
                ({"url": None}, "url"), ({"url": "ftp://x.example"}, "url"),
                ({"url": "http://user@x.example/"}, "url"),
                ({"url": "https://x.example:22/"}, "url"),
                ({"auth": {"type": "magic"}}, "auth.type"),
                ({"auth": {"type": "header"}}, "auth.value"),
                ({"auth": {"type": "header", "name": "Host", "value": "x"}}, "auth.name"),
                ({"auth": {"type": "header", "value": "a\nb"}}, "auth.value"),
                ({"auth": {"type": "oauth"}}, "auth.redirect_url"),
                ({"tool_prefix": "a b"}, "tool_prefix")):
            with self.subTest(changes=changes):
                self.assert_status(platform.call("POST", "/mcp/servers", {**good, **changes}), 422,
                                   "validation_error", param)
        self.assert_status(platform.call("POST", "/mcp/servers", good), 201)
        self.assert_status(platform.call("POST", "/mcp/servers", good), 409, "conflict")
        self.assert_status(platform.call("GET", "/mcp/servers/other"), 404)
        self.assert_status(platform.call("POST", "/mcp/servers/docs/approvals", {}), 404)


if __name__ == "__main__":
    main()
