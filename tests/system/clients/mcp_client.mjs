// The official MCP client libraries, both generations, against the real server (I71, L1 to L22).
import assert from "node:assert/strict";
import { given, pause, run } from "./case.mjs";

// The two generations differ in names only, as far as this is concerned.
const generations = {
  async sdk() {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const transport = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    return {
      Client,
      Transport: transport.StreamableHTTPClientTransport,
      call: (client, params, options) => client.callTool(params, undefined, options),
    };
  },
  async client() {
    const { Client, StreamableHTTPClientTransport } = await import(
      "@modelcontextprotocol/client"
    );
    return {
      Client,
      Transport: StreamableHTTPClientTransport,
      call: (client, params, options) => client.callTool(params, options),
    };
  },
};

const generation = await generations[given.generation]();

async function connect(options = {}) {
  const transport = new generation.Transport(new URL(given.url), {
    requestInit: { headers: { Authorization: `Bearer ${given.key}` } },
    fetch: watchedFetch,
  });
  const client = new generation.Client({ name: "system-test", version: "1.0.0" }, options);
  await client.connect(transport);
  return { client, transport };
}

// What went over the wire: which streams are open.
const streams = [];

async function watchedFetch(url, init) {
  const answer = await fetch(url, init);
  if ((init?.method ?? "GET") === "GET") streams.push(answer.status);
  return answer;
}

async function until(probe, what) {
  for (let i = 0; i < 200; ++i) {
    if (probe()) return;
    await new Promise((next) => setTimeout(next, 25));
  }
  assert.fail(`waited in vain for ${what}`);
}

const issue = (title) => ({
  name: "github_create_issue",
  arguments: { owner: "octocat", repo: "hello-world", title },
});

async function checkTools(client) {
  const { tools } = await client.listTools();
  assert.equal(tools.length, 10);
  assert.ok(tools.some((x) => x.name === "github_create_issue"));
}

async function checkCall(client, title) {
  const result = await generation.call(client, issue(title));
  assert.ok(!result.isError, JSON.stringify(result));
  assert.match(result.content[0].text, /Issue #\d+/);
}

await run({
  async tools() {
    const { client, transport } = await connect();
    assert.ok(transport.sessionId);
    assert.equal(client.getServerVersion().name.length > 0, true);
    await checkTools(client);
    await checkCall(client, `Made by ${given.generation}`);
    const bad = await generation.call(client, { name: "github_create_issue", arguments: {} });
    assert.equal(bad.isError, true);
    await assert.rejects(generation.call(client, { name: "no_such_tool", arguments: {} }),
      (x) => x.code === -32602);
    await client.ping();
    await until(() => streams.includes(200), "the stream of the server");
    await transport.terminateSession();
    await client.close();
  },

  async auto() {
    const { client, transport } = await connect({ versionNegotiation: { mode: "auto" } });
    assert.equal(transport.sessionId, undefined, "the stateless era has no session");
    await checkTools(client);
    await checkCall(client, "Made without a session");
    await assert.rejects(generation.call(client, { name: "no_such_tool", arguments: {} }),
      (x) => x.code === -32602);
    assert.deepEqual(streams, [], "nor a stream of the server");
    await client.close();
  },

  async cancel() {
    const { client } = await connect();
    await pause("connected");
    const stop = new AbortController();
    const call = generation.call(client, issue("Cancelled"), { signal: stop.signal });
    await pause("calling");
    stop.abort("enough");
    await assert.rejects(call);
    await checkTools(client);
    await client.close();
  },

  // The same client object goes on in the same session when the node was killed and started again.
  async restart() {
    const { client, transport } = await connect();
    const session = transport.sessionId;
    await checkTools(client);
    await checkCall(client, `Before, ${given.generation}`);
    await until(() => streams.includes(200), "the stream of the server");
    await pause("ready for the kill");
    await checkTools(client);
    await checkCall(client, `After, ${given.generation}`);
    assert.equal(transport.sessionId, session);
    const opened = streams.length;
    await until(() => streams.slice(opened - 1).includes(200), "the stream to be open again");
    await transport.terminateSession();
    await client.close();
  },
});
