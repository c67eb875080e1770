// mcp-remote, the bridge for clients that only start programs: it talks to them over its input and
// output, and to Callboard over HTTP.
import assert from "node:assert/strict";
import { given, run } from "./case.mjs";
import { checkNames, checkText } from "./app.mjs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

async function connect() {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ["node_modules/mcp-remote/dist/proxy.js", given.url, "--allow-http", "--transport",
      given.transport, "--header", `Authorization: Bearer ${given.key}`],
    // What it remembers of servers has no place in a home folder.
    env: { ...process.env, MCP_REMOTE_CONFIG_DIR: given.folder },
    stderr: "inherit",
  });
  const client = new Client({ name: "system-test", version: "1.0.0" });
  await client.connect(transport);
  return client;
}

await run({
  async tools() {
    const client = await connect();
    const { tools } = await client.listTools();
    checkNames(tools.map((x) => x.name));
    const result = await client.callTool({ name: given.tool, arguments: given.arguments });
    assert.ok(!result.isError, JSON.stringify(result));
    checkText(result.content[0].text);
    const wrong = client.callTool({ name: "no_such_tool", arguments: {} });
    await assert.rejects(wrong, (x) => x.code === -32602);
    await client.close();
  },
});
