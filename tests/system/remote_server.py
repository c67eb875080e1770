"""A remote MCP server with two tools, small enough to be read: either era, over JSON or events."""

import http.server
import json
import threading
import uuid

ERAS = ("session", "stateless")


class RemoteServer:
    """Runs until close(). What it is asked is kept in `requests`: (method, headers, body)."""

    def __init__(self, era="stateless", events=False):
        self.era = era
        self.events = events
        self.requests = []
        self.sessions = set()
        self.description = "Says what it is told."
        self.header = None
        self.gone = False
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, message=None, **headers):
                text = "" if message is None else json.dumps(message)
                kind = "application/json"
                if text and server.events and status == 200:
                    text, kind = f"event: message\ndata: {text}\n\n", "text/event-stream"
                body = text.encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                if body:
                    self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.reply(405)

            def do_DELETE(self):
                server.sessions.discard(self.headers.get("Mcp-Session-Id"))
                self.reply(200)

            def do_POST(self):
                size = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(size))
                if server.gone: # connections that are kept alive outlive the listener
                    self.close_connection = True
                    return
                server.requests.append((body.get("method"), dict(self.headers), body))
                server.answer(self, body)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/mcp"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.gone = True
        self.http.shutdown()
        self.http.server_close()

    def asked(self, method):
        return [x for x in self.requests if x[0] == method]

    def tools(self):
        text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        return [{"name": "say", "description": self.description, "inputSchema": text},
                {"name": "fail", "description": "Fails.", "inputSchema": {"type": "object"}}]

    def answer(self, handler, body):
        method, id_ = body.get("method"), body.get("id")
        refuse = {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "No."}}
        if self.header and handler.headers.get(self.header[0]) != self.header[1]:
            return handler.reply(401, refuse)
        if id_ is None:
            return handler.reply(202)
        if self.era == "session":
            if method == "initialize":
                session = uuid.uuid4().hex
                self.sessions.add(session)
                return handler.reply(200, self.result(id_, {
                    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "old", "version": "1"}}), Mcp_Session_Id=session)
            if "Mcp-Session-Id" not in handler.headers:
                return handler.reply(400, refuse)
            if handler.headers["Mcp-Session-Id"] not in self.sessions:
                return handler.reply(404, refuse)
        elif handler.headers.get("MCP-Protocol-Version") != "2026-07-28" \
                or handler.headers.get("Mcp-Method") != method:
            return handler.reply(400, refuse)
        return handler.reply(200, self.result(id_, self.result_of(method, body.get("params", {}))))

    def result(self, id_, result):
        if self.era == "stateless":
            result = {"resultType": "complete", **result}
        return {"jsonrpc": "2.0", "id": id_, "result": result}

    def result_of(self, method, params):
        if method == "server/discover":
            return {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                    "ttlMs": 0, "cacheScope": "public"}
        if method == "tools/list":
            return {"tools": self.tools()}
        if params.get("name") == "fail":
            return {"content": [{"type": "text", "text": "It failed."}], "isError": True}
        text = params.get("arguments", {}).get("text", "")
        return {"content": [{"type": "text", "text": f"You said: {text}"}]}
