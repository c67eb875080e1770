"""The demo behind ops/demo: drives the real binary over HTTP like a platform, an end user and an
MCP client would.

Needs only Python's standard library. Starts a sandbox and a node on free ports with a new data
folder, and ends both.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

MODEL = "sandbox-issue"
REPO = "octocat/hello-world"
ISSUE = "The callboard is live"
READY_SECONDS = 60


class Program:
    """A subprocess that prints one JSON line when it is ready."""

    running = []

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        Program.running.append(self)
        line = self.process.stdout.readline()
        if not line.startswith("{"):
            self.process.wait()
            sys.exit(f"{' '.join(command)} did not start")
        self.info = json.loads(line)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=READY_SECONDS)


def request(method, url, key=None, body=None, headers=None):
    """One HTTP request without following redirects: (status, headers, body text)."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    headers = dict(headers or {})
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
        headers["Content-Type"] = "application/json"
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body=body, headers=headers)
    return connection.getresponse()


def call(method, url, key=None, body=None, headers=None, expect=(200, 201, 202, 204)):
    """Like request, but reads JSON and insists on the status."""
    answer = request(method, url, key, body, headers)
    text = answer.read().decode()
    if answer.status not in expect:
        sys.exit(f"{method} {url} answered {answer.status}: {text}")
    return json.loads(text) if text else None


def title(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n## {text}")


class Demo:
    def __init__(self, binary, folder):
        self.binary = binary
        self.folder = folder
        self.data = folder / "data"
        self.sandbox = Program(binary, "sandbox", "--listen", "127.0.0.1:0")
        self.outside = self.sandbox.info["url"]
        bases = self.sandbox.info["github"]
        overrides = [
            x for name, url in bases.items() for x in ("--app-base", f"github.{name}={url}")
        ]
        self.node = Program(
            binary,
            "serve",
            "--data-dir",
            str(self.data),
            "--api-listen",
            "127.0.0.1:0",
            "--mcp-listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
            "--allow-private-upstreams",
            "--log-level",
            "warn",
            *overrides,
        )
        self.api = self.node.info["api_url"]
        self.mcp = self.node.info["mcp_url"]

    def cli(self, *arguments):
        command = [self.binary, *arguments, "--data-dir", str(self.data), "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed: {done.stderr}")
        return json.loads(done.stdout)

    def say(self, *arguments):
        """A subcommand for people: prints what it says."""
        command = [self.binary, *arguments, "--data-dir", str(self.data)]
        print("$ callboard " + " ".join(arguments))
        if arguments[0] == "inspect":
            command += ["--ops-url", self.node.info["ops_url"]]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout.strip() or done.stderr.strip())
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed")

    def provision(self):
        title("1. The operator makes a platform, a model with prices, and tops the wallet up")
        platform = self.cli("platform", "create", "--name", "Demo SaaS")
        self.platform = platform["id"]
        self.platform_key = platform["platform_key"]
        key_file = self.folder / "model.key"
        key_file.write_text("sandbox-model-key")
        self.cli(
            "model",
            "set",
            MODEL,
            "--base-url",
            f"{self.outside}/model/v1",
            "--key-file",
            str(key_file),
            "--input-price",
            "2.50",
            "--cached-price",
            "1.25",
            "--output-price",
            "10",
            "--default",
        )
        self.cli("tool-price", "set", "--global", "--price", "0.001")
        self.cli(
            "wallet",
            "topup",
            "--platform",
            self.platform,
            "--amount",
            "5",
            "--description",
            "Demo credit",
        )
        print(f"platform {self.platform}, key {self.platform_key[:12]}..., wallet 5.000000 USD")

    def connect(self):
        title("2. The platform makes an end user and activates GitHub; the user connects it")
        base = f"{self.api}/v1/platforms/{self.platform}"
        user = call(
            "POST",
            f"{base}/end-users",
            self.platform_key,
            {"external_id": "user-1", "display_name": "Octavia"},
        )
        self.key = user["api_key"]["raw_key"]
        call(
            "POST",
            f"{base}/mcp/apps",
            self.platform_key,
            {
                "app_slug": "github",
                "oauth_client_id": "sandbox-client",
                "oauth_client_secret": "sandbox-secret",
                "redirect_url": "https://my-saas.example",
            },
        )
        consent = request("GET", f"{self.mcp}/oauth/authorize?app=github", self.key).headers[
            "Location"
        ]
        print(f"consent page   {consent.split('?')[0]}")
        back = request("GET", consent + "&auto=approve").headers["Location"]
        landing = request("GET", back).headers["Location"]
        print(f"user lands at  {landing}")
        if "status=connected" not in landing:
            sys.exit("GitHub was not connected")
        self.config = call("GET", f"{self.api}/v1/me/mcp-config", self.key)

    def wallet(self):
        return call("GET", f"{self.api}/v1/platforms/{self.platform}/wallet", self.platform_key)

    def ask(self):
        title(
            "3. The model creates an issue through POST /v1/responses; every event as it streams"
        )
        self.before = self.wallet()["balance"]
        answer = request(
            "POST",
            f"{self.api}/v1/responses",
            self.key,
            {
                "model": MODEL,
                "stream": True,
                "tools": self.config["openai"],
                "input": f"Create a GitHub issue in {REPO} titled {ISSUE}",
            },
        )
        if answer.status != 200:
            sys.exit(f"/v1/responses answered {answer.status}: {answer.read().decode()}")
        self.request_id = answer.headers["X-Request-Id"]
        for line in answer:
            text = line.decode().rstrip("\n")
            if text.startswith("data: {"):
                self.show(json.loads(text[len("data: ") :]))

    def show(self, event):
        detail = ""
        if event["type"] == "response.output_text.delta":
            detail = repr(event["delta"])
        elif event["type"] == "response.mcp_call_arguments.done":
            detail = event["arguments"]
        elif event["type"] == "response.output_item.done":
            item = event["item"]
            detail = f"{item['type']} {(item.get('output') or '').split(chr(10))[0]}".strip()
        elif event["type"] == "response.completed":
            self.response = event["response"]
            detail = json.dumps(event["response"]["usage"])
        elif event["type"] in ("error", "response.failed"):
            sys.exit(f"the model loop failed: {json.dumps(event)}")
        print(f"{event['sequence_number']:3}  {event['type']:42} {detail[:110]}")

    def prove(self):
        title(
            "4. What really happened at the provider: the repository of the sandbox holds the issue"
        )
        call_item = next(x for x in self.response["output"] if x["type"] == "mcp_call")
        token = request(
            "GET",
            f"{self.outside}/github/api/repos/octocat/hello-world/issues",
            headers={"User-Agent": "demo", "Accept": "application/json"},
        )
        issues = json.loads(token.read())
        found = [x for x in issues if x["title"] == ISSUE] if isinstance(issues, list) else []
        if not found:
            sys.exit(f"the issue is not there: {issues}")
        print(
            f"issue #{found[0]['number']}: {found[0]['title']}  "
            f"({call_item['output'].splitlines()[0]})"
        )

    def bill(self):
        title("5. The bill, as an operator sees it: callboard inspect explain, ledger verify")
        self.say("inspect", "explain", self.request_id)
        told = self.cli(
            "inspect", "explain", self.request_id, "--ops-url", self.node.info["ops_url"]
        )
        charged = sum(micros(x["charged"]) for x in told["requests"])
        after = self.wallet()["balance"]
        if charged == 0 or micros(self.before) - charged != micros(after):
            sys.exit(f"{charged} do not explain a balance of {self.before} before, {after} after")
        print()
        self.say("ledger", "verify")

    def direct(self):
        title("6. The same tools for any MCP client at /mcp/github")
        server = self.config["standard"]["github"]
        headers = {**server["headers"], "Accept": "application/json, text/event-stream"}
        hello = request(
            "POST",
            server["url"],
            body={
                "jsonrpc": "2.0",
                "id": 0,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "demo", "version": "1"},
                },
            },
            headers=headers,
        )
        headers["Mcp-Session-Id"] = hello.headers["Mcp-Session-Id"]
        hello.read()
        call(
            "POST",
            server["url"],
            body={"jsonrpc": "2.0", "method": "notifications/initialized"},
            headers=headers,
        )
        tools = call(
            "POST",
            server["url"],
            body={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers=headers,
        )["result"]["tools"]
        print("tools  " + ", ".join(x["name"] for x in tools))
        result = call(
            "POST",
            server["url"],
            headers=headers,
            body={
                "jsonrpc": "2.0",
                "id": 2,
                "method": "tools/call",
                "params": {
                    "name": "github_get_issue",
                    "arguments": {
                        "owner": "octocat",
                        "repo": "hello-world",
                        "issue_number": self.issue_number(),
                    },
                },
            },
        )["result"]
        print("call   " + result["content"][0]["text"].splitlines()[0])

    def issue_number(self):
        output = next(x for x in self.response["output"] if x["type"] == "mcp_call")["output"]
        return int("".join(c for c in output.split("#")[1].split()[0] if c.isdigit()))

    def inspect(self):
        title("7. Operators look into live actors: callboard inspect session")
        self.say("inspect", "session")

    def snippets(self):
        title(
            "8. Paste these into your own programs (start a node with the README's commands first)"
        )
        print(SNIPPETS.replace("{API}", self.api).replace("{MCP}", self.mcp))

    def run(self):
        for step in (
            self.provision,
            self.connect,
            self.ask,
            self.prove,
            self.bill,
            self.direct,
            self.inspect,
            self.snippets,
        ):
            step()


def micros(text):
    """Six exact decimals as an integer."""
    whole, fraction = text.lstrip("-").split(".")
    value = int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))
    return -value if text.startswith("-") else value


SNIPPETS = """\
curl {API}/v1/responses -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{
  "model": "sandbox-issue", "input": "Create a GitHub issue in octocat/hello-world titled hello",
  "tools": [{"type": "mcp", "server_label": "github", "server_url": "{MCP}/mcp/github",
             "authorization": "Bearer '$KEY'"}]}'

# Python, package openai
from openai import OpenAI
client = OpenAI(api_key=KEY, base_url="{API}/v1")
tools = [{"type": "mcp", "server_label": "github", "server_url": "{MCP}/mcp/github",
          "authorization": f"Bearer {KEY}", "require_approval": "never"}]
print(client.responses.create(model="sandbox-issue", tools=tools,
      input="Create a GitHub issue in octocat/hello-world titled hello").output_text)

// JavaScript, package openai
import OpenAI from "openai";
const client = new OpenAI({ apiKey: KEY, baseURL: "{API}/v1" });
const response = await client.responses.create({ model: "sandbox-issue",
  input: "Create a GitHub issue in octocat/hello-world titled hello",
  tools: [{ type: "mcp", server_label: "github", server_url: "{MCP}/mcp/github",
            authorization: `Bearer ${KEY}`, require_approval: "never" }] });
console.log(response.output_text);

// MCP client with remote servers, e.g. Cursor's .cursor/mcp.json
{ "mcpServers": { "github": { "url": "{MCP}/mcp/github",
                              "headers": { "Authorization": "Bearer KEY" } } } }"""


def main():
    # PostgreSQL runs as another user when we are root, so its folder must be reachable.
    folder = Path(tempfile.mkdtemp(prefix="callboard-demo-"))
    os.chmod(folder, 0o755)
    try:
        Demo(sys.argv[1], folder).run()
    finally:
        for program in reversed(Program.running):
            program.end()
        shutil.rmtree(folder, ignore_errors=True)
    print("\nDone: everything above was real, and everything is stopped again.")


if __name__ == "__main__":
    main()
