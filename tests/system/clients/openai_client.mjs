// The official OpenAI library, unchanged, against the real server (R121).
import assert from "node:assert/strict";
import OpenAI from "openai";
import { given, run } from "./case.mjs";

const client = (key = given.key, options = {}) =>
  new OpenAI({ apiKey: key, baseURL: `${given.api}/v1`, ...options });

const ask = (title) => `open one in octocat/hello-world titled ${title}`;

const weather = {
  type: "function",
  name: "get_weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
  strict: false,
};

const tools = () => given.tools.map((x) => ({ ...x, require_approval: "never" }));

const types = (response) => response.output.map((x) => x.type);

function checkIssue(response, title) {
  assert.equal(response.status, "completed");
  assert.deepEqual(types(response), ["mcp_list_tools", "mcp_call", "message"]);
  const call = response.output[1];
  assert.equal(call.server_label, "github");
  assert.equal(call.name, "github_create_issue");
  assert.equal(JSON.parse(call.arguments).title, title);
  assert.match(call.output, /Issue #\d+/);
  assert.match(response.output_text, /Issue #\d+/);
  assert.equal(
    response.usage.total_tokens,
    response.usage.input_tokens + response.usage.output_tokens,
  );
}

async function refused(promise, kind, status, code) {
  const problem = await promise.then(
    () => assert.fail("it was not refused"),
    (x) => x,
  );
  assert.ok(problem instanceof kind, `${problem.constructor.name}: ${problem.message}`);
  assert.equal(problem.status, status);
  assert.equal(problem.code, code);
  assert.match(problem.requestID, /^req_/);
  return problem;
}

await run({
  async models() {
    const ids = [];
    for await (const model of client().models.list()) ids.push(model.id);
    assert.ok(ids.includes("sandbox-issue"), ids.join());
  },

  async create() {
    const response = await client().responses.create({
      model: "sandbox-issue",
      input: ask("By the library"),
      tools: tools(),
    });
    checkIssue(response, "By the library");
  },

  async stream() {
    const stream = await client().responses.create({
      model: "sandbox-issue",
      input: ask("By its stream"),
      tools: tools(),
      stream: true,
    });
    const events = [];
    for await (const event of stream) events.push(event);
    assert.equal(events[0].type, "response.created");
    events.forEach((event, i) => assert.equal(event.sequence_number, i));
    assert.equal(events.at(-1).type, "response.completed");
    checkIssue({ output_text: text(events), ...events.at(-1).response }, "By its stream");
  },

  async final_response() {
    const runner = client().responses.stream({
      model: "sandbox-issue",
      input: ask("By its accumulator"),
      tools: tools(),
    });
    const deltas = [];
    runner.on("response.output_text.delta", (x) => deltas.push(x.delta));
    const response = await runner.finalResponse();
    checkIssue(response, "By its accumulator");
    assert.equal(deltas.join(""), response.output_text);
  },

  async mixed() {
    const list = JSON.stringify([
      { name: "get_weather", arguments: { city: "Ulm" } },
      { name: "github_create_issue",
        arguments: { owner: "octocat", repo: "hello-world", title: "Must not be" } },
    ]);
    const request = {
      model: "sandbox-mixed",
      input: "Do it: ```" + list + "```",
      tools: [weather, ...tools()],
    };
    const first = await client().responses.create(request);
    const runner = client().responses.stream(request);
    const streamed = await runner.finalResponse();
    for (const response of [first, streamed]) {
      assert.deepEqual(types(response), ["mcp_list_tools", "function_call"]);
      assert.deepEqual(JSON.parse(response.output[1].arguments), { city: "Ulm" });
    }
    const answer = await client().responses.create({
      model: "sandbox-mixed",
      tools: [weather, ...tools()],
      previous_response_id: first.id,
      input: [
        { type: "function_call_output", call_id: first.output[1].call_id, output: "Sunny." },
      ],
    });
    assert.match(answer.output_text, /Sunny\./);
    assert.equal(answer.previous_response_id, first.id);
  },

  async stored() {
    const made = await client().responses.create({ model: "sandbox-echo", input: "keep me" });
    const read = await client().responses.retrieve(made.id);
    assert.equal(read.output_text ?? read.output[0].content[0].text, "keep me");
    const next = await client().responses.create({
      model: "sandbox-echo",
      input: "and then",
      previous_response_id: made.id,
    });
    assert.equal(next.output_text, "and then");
    const items = [];
    for await (const item of client().responses.inputItems.list(next.id)) items.push(item);
    assert.equal(items.at(-1).content?.[0]?.text ?? items.at(-1).content, "and then");
    await client().responses.delete(made.id);
    await refused(client().responses.retrieve(made.id), OpenAI.NotFoundError, 404, "not_found");
  },

  async chat() {
    const made = await client().chat.completions.create({
      model: "sandbox-echo",
      messages: [{ role: "user", content: "hello" }],
    });
    assert.equal(made.choices[0].message.content, "hello");
    const stream = await client().chat.completions.create({
      model: "sandbox-echo",
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: "hello again, streamed" }],
    });
    let said = "";
    let usage = null;
    for await (const chunk of stream) {
      said += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(said, "hello again, streamed");
    assert.ok(usage.total_tokens > 0);
    const runner = client().chat.completions.stream({
      model: "sandbox-function",
      messages: [{ role: "user", content: 'args: {"city": "Ulm"}' }],
      tools: [{ type: "function",
        function: { name: "get_weather", parameters: weather.parameters } }],
    });
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].finish_reason, "tool_calls");
    assert.equal(final.choices[0].message.tool_calls[0].function.name, "get_weather");
  },

  async errors() {
    const input = { model: "sandbox-echo", input: "x" };
    await refused(client("sk-eu_nonsense").responses.create(input), OpenAI.AuthenticationError,
      401, "invalid_api_key");
    await refused(client(given.poor_key).responses.create(input), OpenAI.APIError, 402,
      "wallet_insufficient");
    await refused(client().responses.create({ ...input, model: "gpt-none" }),
      OpenAI.NotFoundError, 404, "model_not_found");
    await refused(client(given.platform_key).responses.create({ ...input, tools: tools() }),
      OpenAI.PermissionDeniedError, 403, "forbidden");
    const bad = await refused(
      client().responses.create({
        ...input,
        tools: tools().map((x) => ({ ...x, require_approval: "always" })),
      }),
      OpenAI.UnprocessableEntityError, 422, "validation_error");
    assert.equal(bad.param, "tools[0].require_approval");
  },

  // The library retries 5xx twice by default; a paid loop must not run again (I36).
  async no_retry() {
    await refused(
      client().responses.create({
        model: "sandbox-loop:github_get_issue",
        input: 'args: {"owner": "octocat", "repo": "hello-world", "issue_number": 1}',
        tools: tools(),
      }),
      OpenAI.InternalServerError, 500, "max_iterations_exceeded");
  },

  async leave() {
    const stream = await client().responses.create({
      model: "sandbox-slow:300",
      input: "a long story ".repeat(60),
      stream: true,
    });
    let deltas = 0;
    for await (const event of stream) {
      if (event.type === "response.output_text.delta" && ++deltas === 2) break;
    }
    assert.equal(deltas, 2);
  },
});

function text(events) {
  return events
    .filter((x) => x.type === "response.output_text.delta")
    .map((x) => x.delta)
    .join("");
}
