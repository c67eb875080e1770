"""A provisioned installation: sandbox, node, platforms, end users, MCP sessions."""

import os
import shutil
import tempfile
import time
import urllib.parse
import uuid
from pathlib import Path

from harness import Node, Sandbox, Stream, Trouble, eventually, fetch

MCP_ACCEPT = {"Accept": "application/json, text/event-stream"}
# US dollars per million tokens; large, so that even a short turn costs whole micro-dollars.
INPUT_PRICE, CACHED_PRICE, OUTPUT_PRICE = "2.50", "1.25", "10"
TOOL_PRICE = "0.001"
LANDING = "https://my-saas.example"
ASK_AGAIN = 3


def micros(amount):
    """Six exact decimals as an integer of millionths."""
    whole, _, fraction = amount.lstrip("-").partition(".")
    value = int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))
    return -value if amount.startswith("-") else value


class World:
    """A sandbox and a node in a folder of their own."""

    def __init__(self, binary, models=(), node_options=(), tool_price=TOOL_PRICE):
        self.folder = Path(tempfile.mkdtemp(prefix="callboard-system-"))
        # PostgreSQL runs as another user when we are root, so its folder must be reachable.
        os.chmod(self.folder, 0o755)
        self.node = None
        self.sandbox = None
        try:
            self.sandbox = Sandbox(binary, self.folder)
            self.node = Node(binary, self.folder, [*self.sandbox.app_bases(), *node_options])
            self.model_key_file = self.folder / "model.key"
            self.model_key_file.write_text("sandbox-model-secret-key")
            for model in models:
                self.set_model(model)
            if tool_price:
                self.node.cli("tool-price", "set", "--global", "--price", tool_price)
        except BaseException:
            self.close()
            raise

    def set_model(self, slug, *options):
        """A model that follows the sandbox's script of that name."""
        self.node.cli("model", "set", slug, "--base-url", self.sandbox.model_url, "--key-file",
                      str(self.model_key_file), "--input-price", INPUT_PRICE, "--cached-price",
                      CACHED_PRICE, "--output-price", OUTPUT_PRICE, *options)

    def platform(self, name="Acme", topup="5"):
        made = self.node.cli("platform", "create", "--name", name, "--slug",
                             f"p-{uuid.uuid4().hex[:12]}")
        platform = Platform(self, made["id"], made["platform_key"], made["lifecycle_key"])
        if topup:
            self.node.cli("wallet", "topup", "--platform", platform.id, "--amount", topup)
        return platform

    def close(self):
        try:
            for part in (self.node, self.sandbox):
                if part:
                    part.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Platform:
    """A tenant, used through its platform key."""

    def __init__(self, world, id_, key, lifecycle_key):
        self.world = world
        self.id = id_
        self.key = key
        self.lifecycle_key = lifecycle_key

    @property
    def url(self):
        return f"{self.world.node.api}/v1/platforms/{self.id}"

    def call(self, method, path="", body=None, key=None, headers=None):
        return fetch(method, self.url + path, key or self.key, body, headers)

    def ask(self, method, path="", body=None):
        """Likewise, insisting on success: the JSON of the answer. Whoever is told to come back
        does: a loaded machine may make PostgreSQL late."""
        answer = self.call(method, path, body)
        for _ in range(ASK_AGAIN):
            if answer.status != 503:
                break
            time.sleep(int(answer.headers["Retry-After"]))
            answer = self.call(method, path, body)
        if answer.status not in (200, 201, 204):
            raise Trouble(f"{method} {path}: {answer}")
        return answer.json() if answer.text else None

    def settings(self, **values):
        return self.ask("PATCH", "", {"settings": values})

    def activate(self, app="github", **changes):
        body = {"app_slug": app, "oauth_client_id": "sandbox-client",
                "oauth_client_secret": "sandbox-secret", "redirect_url": LANDING}
        return self.call("POST", "/mcp/apps", {**body, **changes})

    def end_user(self, external_id=None):
        made = self.ask("POST", "/end-users", {"external_id": external_id or uuid.uuid4().hex})
        return EndUser(self, made["id"], made["api_key"]["raw_key"])

    def connected_user(self, external_id=None):
        """An end user with GitHub connected; activates the app when need be."""
        if not self.ask("GET", "/mcp/apps")["data"]:
            self.activate()
        user = self.end_user(external_id)
        landing = user.connect()
        if "status=connected" not in landing:
            raise Trouble(f"not connected: {landing}")
        return user

    def balance(self):
        return micros(self.ask("GET", "/wallet")["balance"])

    def held(self):
        return micros(self.ask("GET", "/wallet")["held"])

    def transactions(self):
        """The ledger, newest first."""
        return self.ask("GET", "/wallet/transactions?limit=100")["data"]

    def logs(self):
        return self.ask("GET", "/logs?limit=100")["data"]

    def usage(self):
        return self.ask("GET", "/usage")


class EndUser:
    """An end user, used through its key."""

    def __init__(self, platform, id_, key):
        self.platform = platform
        self.world = platform.world
        self.id = id_
        self.key = key

    def api(self, method, path, body=None, headers=None, timeout=60):
        return fetch(method, self.world.node.api + path, self.key, body, headers, timeout)

    def mcp(self, method, path, body=None, headers=None, timeout=60):
        return fetch(method, self.world.node.mcp + path, self.key, body, headers, timeout)

    # -- OAuth -----------------------------------------------------------------

    def authorize(self, app="github", extra=""):
        """The provider's consent page."""
        answer = self.mcp("GET", f"/oauth/authorize?app={app}{extra}")
        if answer.status != 302:
            raise Trouble(f"authorize: {answer}")
        return answer.headers["Location"]

    def consent(self, page, decision="approve", extra=""):
        """Where the provider sends the browser after the user's decision."""
        answer = fetch("GET", f"{page}&auto={decision}{extra}")
        if answer.status != 302:
            raise Trouble(f"consent: {answer}")
        return answer.headers["Location"]

    def connect(self, decision="approve", extra=""):
        """The whole way: where the browser lands on the platform's own pages."""
        answer = fetch("GET", self.consent(self.authorize(), decision, extra))
        if answer.status != 302:
            raise Trouble(f"callback: {answer}")
        return answer.headers["Location"]

    def config(self):
        answer = self.api("GET", "/v1/me/mcp-config")
        if answer.status != 200:
            raise Trouble(f"mcp-config: {answer}")
        return answer.json()

    # -- models ----------------------------------------------------------------

    def tools(self):
        """Items for `tools` that offer every connected app."""
        return self.config()["openai"]

    def respond(self, model, text, headers=None, timeout=60, **fields):
        return self.api("POST", "/v1/responses", {"model": model, "input": text, **fields},
                        headers, timeout)

    def stream(self, model, text, headers=None, timeout=60, **fields):
        return Stream("POST", f"{self.world.node.api}/v1/responses", self.key,
                      {"model": model, "input": text, "stream": True, **fields}, headers, timeout)

    def session(self, app="github", version="2025-11-25"):
        return Session(self, app, version)


class Session:
    """A legacy MCP session by hand."""

    def __init__(self, user, app="github", version="2025-11-25"):
        self.user = user
        self.url = f"{user.world.node.mcp}/mcp/{app}"
        self.next_id = 0
        answer = fetch("POST", self.url, user.key, initialize(version), MCP_ACCEPT)
        if answer.status != 200 or "result" not in answer.json():
            raise Trouble(f"initialize: {answer}")
        self.hello = answer.json()["result"]
        self.id = answer.headers["Mcp-Session-Id"]
        self.version = self.hello["protocolVersion"]

    def headers(self, **more):
        return {**MCP_ACCEPT, "Mcp-Session-Id": self.id, "MCP-Protocol-Version": self.version,
                **more}

    def post(self, message, key=None, timeout=60, **headers):
        return fetch("POST", self.url, key or self.user.key, message,
                     self.headers(**headers), timeout)

    def ask(self, method, params=None, timeout=60, **headers):
        """The whole JSON-RPC answer to one request."""
        self.next_id += 1
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method}
        if params is not None:
            message["params"] = params
        return self.post(message, timeout=timeout, **headers)

    def call(self, tool, arguments, timeout=60, **headers):
        """The answer to a tools/call."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, timeout, **headers)

    def create_issue(self, title, timeout=60, **headers):
        return self.call("github_create_issue", {"owner": "octocat", "repo": "hello-world",
                                                 "title": title}, timeout, **headers)

    def stream(self, timeout=60, **headers):
        """The server-to-client stream."""
        asked = {**self.headers(**headers), "Accept": "text/event-stream"}
        return Stream("GET", self.url, self.user.key, headers=asked, timeout=timeout)

    def end(self):
        return fetch("DELETE", self.url, self.user.key, headers=self.headers())


def initialize(version="2025-11-25", id_=0):
    """The first message of a session."""
    return {"jsonrpc": "2.0", "id": id_, "method": "initialize",
            "params": {"protocolVersion": version, "capabilities": {},
                       "clientInfo": {"name": "system-test", "version": "1"}}}


def tool_names(answer):
    return [x["name"] for x in answer.json()["result"]["tools"]]


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def settled(platform, seconds=10):
    """Waits until no hold of the platform is open."""
    eventually(lambda: platform.held() == 0, seconds, what="all holds to be settled")
