#!/usr/bin/env python3
"""The client that the suite's client scenarios start: makes Callboard use the runner's server.

    client_driver.py URL

The runner tells the scenario in MCP_CONFORMANCE_SCENARIO, _PROTOCOL_VERSION and _CONTEXT; who
started the runner tells the installation in CALLBOARD_CONFORMANCE. Without that variable the
driver talks to the runner's server itself, which shows that the driver is good.

It registers the URL as a remote server of a platform, lists and calls through `/mcp/{slug}` as an
end user, and goes through the authorization in place of a browser when it is told to.
"""

import json
import os
import sys
import urllib.parse
import uuid
from contextlib import closing
from types import SimpleNamespace

from client import Client, Refused
from setups import register_server

from harness import fetch
from tenants import LANDING, Platform

# In the suite a client has this address as its id when it can have one.
CLIENT_DOCUMENT = "https://conformance-test.local/client-metadata.json"
# Scenarios whose server has nothing to call.
LIST_ONLY = ("json-schema-ref-no-deref",)
# The suite ends a scenario after the third attempt.
AUTHORIZATIONS_MAX = 3
REDIRECTS_MAX = 10
SAMPLES = {"number": 3, "integer": 3, "boolean": True, "array": [], "object": {}, "string": "text"}


def sample(schema):
    """Arguments that fit the required properties of a simple schema."""
    properties = schema.get("properties", {})
    return {name: SAMPLES.get(properties.get(name, {}).get("type"), "text")
            for name in schema.get("required", [])}


def use_everything(client, scenario, context):
    """Lists whatever there is and uses it once."""
    calls = context.get("toolCalls")
    tools = client.tools()
    if scenario in LIST_ONLY:
        return
    for call in calls or [{"name": x["name"], "arguments": sample(x["inputSchema"])}
                          for x in tools]:
        result = client.call(call["name"], call["arguments"])
        if result.get("isError"):
            raise Refused(f"{call['name']}: {result}")
    if "resources" in client.capabilities:
        for resource in client.ask("resources/list", {})["resources"][:1]:
            client.ask("resources/read", {"uri": resource["uri"]})
    if "prompts" in client.capabilities:
        for prompt in client.ask("prompts/list", {})["prompts"][:1]:
            given = {x["name"]: "text" for x in prompt.get("arguments", [])}
            client.ask("prompts/get", {"name": prompt["name"], "arguments": given})


class Installation:
    """A running Callboard, and an app of it that is the runner's server."""

    def __init__(self, given, scenario, context, url):
        world = SimpleNamespace(node=SimpleNamespace(api=given["api"], mcp=given["mcp"]))
        platform = Platform(world, given["platform"], given["platform_key"], None)
        self.slug = f"runner-{uuid.uuid4().hex[:8]}"
        self.with_oauth = scenario.startswith("auth/")
        register_server(platform, self.slug, url, auth=self._auth(scenario, context))
        self.user = platform.end_user()
        self.url = f"{given['mcp']}/mcp/{self.slug}"
        self.authorizations = 0

    def _auth(self, scenario, context):
        if not self.with_oauth:
            return None
        known = {k: context[k] for k in ("client_id", "client_secret") if k in context}
        if scenario == "auth/basic-cimd":
            known = {"client_id": CLIENT_DOCUMENT}
        return {"type": "oauth", "redirect_url": LANDING, **known}

    def may_authorize(self, refusal):
        """A user connects the app once, and again whenever Callboard says that this would help."""
        link = f"/oauth/authorize?app={self.slug}"
        return self.with_oauth and (self.authorizations == 0 or link in refusal)

    def authorize(self):
        """Follows the redirects from Callboard to the authorization server and back."""
        self.authorizations += 1
        if self.authorizations > AUTHORIZATIONS_MAX:
            raise Refused("it wants to be authorized again and again")
        answer = self.user.mcp("GET", f"/oauth/authorize?app={self.slug}")
        for _ in range(REDIRECTS_MAX):
            if answer.status not in (302, 303, 307):
                raise Refused(f"authorization: {answer}")
            page = answer.headers["Location"]
            if page.startswith(LANDING):
                break
            answer = fetch("GET", page)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(page).query)
        if query.get("status") != ["connected"]:
            raise Refused(f"not connected: {page}")


def drive(installation, version, scenario, context):
    """Uses the server; goes through the authorization whenever that is what is missing."""
    while True:
        try:
            with closing(Client(installation.url, installation.user.key, version)) as client:
                use_everything(client, scenario, context)
            return
        except Refused as refusal:
            print(f"refused: {refusal}")
            if not installation.may_authorize(str(refusal)):
                raise
            installation.authorize()


def main():
    url = sys.argv[-1]
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    version = os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    given = os.environ.get("CALLBOARD_CONFORMANCE")
    try:
        if given:
            installation = Installation(json.loads(given), scenario, context, url)
            drive(installation, version, scenario, context)
        else:
            with closing(Client(url, None, version)) as client:
                use_everything(client, scenario, context)
    except Refused as refusal:
        print(refusal)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
