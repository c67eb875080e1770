"""An MCP client by hand, in either era, that answers what a server asks in the middle of a call."""

import base64
import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from harness import Stream, fetch  # noqa: E402

MODERN = "2026-07-28"
ACCEPT = {"Accept": "application/json, text/event-stream"}
CLIENT = {"name": "callboard-conformance-driver", "version": "1.0.0"}
CAPABILITIES = {"elicitation": {"form": {"applyDefaults": True}}, "sampling": {}, "roots": {}}
META = "io.modelcontextprotocol/"
# What the modern era mirrors into Mcp-Name, per method.
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
ROUNDS_MAX = 8
CALL_SECONDS = 25


class Refused(Exception):
    """The server did not do what it was asked."""


def defaults_of(schema):
    """What a user would send who accepts a form as it is."""
    return {name: x["default"] for name, x in schema.get("properties", {}).items()
            if "default" in x}


def answer_to(method, params):
    """The client's side of what a server may ask."""
    if method == "elicitation/create":
        return {"action": "accept", "content": defaults_of(params.get("requestedSchema", {}))}
    if method == "sampling/createMessage":
        return {"role": "assistant", "model": "none", "stopReason": "endTurn",
                "content": {"type": "text", "text": "An answer."}}
    if method == "roots/list":
        return {"roots": [{"uri": "file:///project", "name": "project"}]}
    return {}


def header_text(value):
    """A value as the modern era writes it into a header."""
    text = value if isinstance(value, str) else json.dumps(value)
    plain = text == text.strip() and all(" " <= c <= "~" for c in text)
    if plain and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def messages(stream):
    """What came on a stream, without the events that only carry an id."""
    for event in stream.events():
        if event.data:
            yield event.json()


class Client:
    """Talks to one address. Raises Refused for every answer that is no result."""

    def __init__(self, url, key, version):
        self.url = url
        self.key = key
        self.version = version
        self.modern = version >= MODERN
        self.session = None
        self.next_id = 0
        self.mirrored = {}
        self.hello = self._hello()
        self.capabilities = self.hello.get("capabilities", {})

    def _hello(self):
        if self.modern:
            return self.ask("server/discover", {})
        hello = self.ask("initialize", {"protocolVersion": self.version, "clientInfo": CLIENT,
                                        "capabilities": CAPABILITIES})
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self._listen()
        return hello

    def _listen(self):
        """Opens the server's own stream, where questions without a call may come."""
        stream = Stream("GET", self.url, self.key, None,
                        {**self._session_headers(), "Accept": "text/event-stream"}, CALL_SECONDS)
        if stream.status != 200:
            stream.close()
            return

        def read():
            try:
                for came in messages(stream):
                    self._answer(came)
            except (OSError, ValueError):
                # It ends with the server, or with this process.
                pass

        threading.Thread(target=read, daemon=True).start()

    # -- messages ------------------------------------------------------------------

    def _headers(self, message):
        headers = dict(ACCEPT)
        if self.modern:
            method = message["method"]
            headers.update({"MCP-Protocol-Version": self.version, "Mcp-Method": method})
            if method in NAMES:
                headers["Mcp-Name"] = header_text(message["params"][NAMES[method]])
            if method == "tools/call":
                headers.update(self._mirrored(message["params"]))
        else:
            headers.update(self._session_headers())
        return headers

    def _session_headers(self):
        if self.session is None:
            return {} if self.next_id == 1 else {"MCP-Protocol-Version": self.version}
        return {"MCP-Protocol-Version": self.version, "Mcp-Session-Id": self.session}

    def _mirrored(self, params):
        given = params.get("arguments") or {}
        return {f"Mcp-Param-{header}": header_text(given[name])
                for name, header in self.mirrored.get(params["name"], {}).items()
                if given.get(name) is not None}

    def _post(self, message):
        return fetch("POST", self.url, self.key, message, self._headers(message), CALL_SECONDS)

    def _exchange(self, message):
        """Posts a request; the answer with its id. Answers questions on the way."""
        with Stream("POST", self.url, self.key, message, self._headers(message),
                    CALL_SECONDS) as stream:
            if stream.status != 200:
                raise Refused(f"{message['method']}: {stream.status} {stream.text()[:500]}")
            if message["method"] == "initialize":
                self.session = stream.headers.get("Mcp-Session-Id")
            if stream.headers.get_content_type() == "application/json":
                return json.loads(stream.text())
            for came in messages(stream):
                if came.get("id") == message["id"] and "method" not in came:
                    return came
                self._answer(came)
        raise Refused(f"{message['method']}: the stream ended without an answer")

    def _answer(self, came):
        """Replies when the message is a question."""
        if "id" not in came or "method" not in came:
            return
        reply = {"jsonrpc": "2.0", "id": came["id"],
                 "result": answer_to(came["method"], came.get("params", {}))}
        fetch("POST", self.url, self.key, reply, {**ACCEPT, **self._session_headers()},
              CALL_SECONDS)

    def _once(self, method, params):
        self.next_id += 1
        if self.modern:
            params = {**params, "_meta": {f"{META}protocolVersion": self.version,
                                          f"{META}clientCapabilities": CAPABILITIES,
                                          f"{META}clientInfo": CLIENT}}
        answer = self._exchange({"jsonrpc": "2.0", "id": self.next_id, "method": method,
                                 "params": params})
        if "result" not in answer:
            raise Refused(f"{method}: {answer.get('error')}")
        return answer["result"]

    def ask(self, method, params):
        """The complete result, after as many rounds as the server needs."""
        asked = dict(params)
        for _ in range(ROUNDS_MAX):
            result = self._once(method, asked)
            if result.get("resultType", "complete") != "input_required":
                return result
            asked = dict(params)
            asked["inputResponses"] = {
                key: answer_to(x["method"], x.get("params", {}))
                for key, x in result.get("inputRequests", {}).items()}
            if "requestState" in result:
                asked["requestState"] = result["requestState"]
        raise Refused(f"{method}: no end after {ROUNDS_MAX} rounds")

    def close(self):
        """Ends the session, if there is one."""
        if self.session is not None:
            fetch("DELETE", self.url, self.key, None, self._session_headers(), CALL_SECONDS)
            self.session = None

    # -- what drivers need ---------------------------------------------------------

    def tools(self):
        tools = self.ask("tools/list", {})["tools"]
        for tool in tools:
            properties = tool["inputSchema"].get("properties", {})
            self.mirrored[tool["name"]] = {
                name: x["x-mcp-header"] for name, x in properties.items()
                if isinstance(x, dict) and "x-mcp-header" in x}
        return tools

    def call(self, name, arguments):
        return self.ask("tools/call", {"name": name, "arguments": arguments})
