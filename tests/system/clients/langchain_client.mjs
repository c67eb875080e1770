// @langchain/mcp-adapters with the settings that /v1/me/mcp-config hands out. Only the name of the
// transport is left out, which the library of the same name for Python has another word for.
import assert from "node:assert/strict";
import { given, run } from "./case.mjs";
import { checkNames, checkText } from "./app.mjs";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";

function connect(changes = {}) {
  const servers = Object.entries(given.servers).map(([name, { url, headers }]) =>
    [name, { url, headers, ...changes }]);
  return new MultiServerMCPClient({ mcpServers: Object.fromEntries(servers) });
}

await run({
  async tools() {
    const client = connect();
    const tools = await client.getTools();
    checkNames(tools.map((x) => x.name));
    const tool = tools.find((x) => x.name === given.tool);
    assert.ok(tool.description.length > 0);
    const answer = await tool.invoke(given.arguments);
    checkText(typeof answer === "string" ? answer : JSON.stringify(answer));
    await client.close();
  },

  async wrong_key() {
    const client = connect({ headers: { Authorization: "Bearer sk-eu_nonsense" } });
    await assert.rejects(client.getTools(), /401|Authentication/);
  },
});
