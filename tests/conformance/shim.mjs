// Adds a header to every request and is otherwise not there: bodies, streams and disconnections
// pass as they are. The suite cannot send a key, so it talks to the gateway through this.
//
//   node shim.mjs --target http://127.0.0.1:PORT/path --header "Authorization: Bearer KEY"
//
// Prints one JSON line with its own address, whose path is the target's. A Host header that names
// the shim itself becomes the target's, since that is what it stands for; any other Host is passed
// on unchanged, so that the gateway has to judge it. So is Origin.
import { createServer, request as ask, Agent } from "node:http";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    target: { type: "string" },
    header: { type: "string", multiple: true, default: [] },
  },
});
const target = new URL(options.target);
const added = options.header.map((line) => {
  const at = line.indexOf(":");
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
});
const agent = new Agent({ keepAlive: true });
// What concerns one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer",
  "transfer-encoding", "upgrade"]);

function passedOn(raw, own) {
  const headers = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase();
    if (HOP_BY_HOP.has(name) || added.some(([x]) => x.toLowerCase() === name)) continue;
    const isOwnHost = name === "host" && own.includes(raw[i + 1]);
    headers.push(raw[i], isOwnHost ? target.host : raw[i + 1]);
  }
  return headers;
}

function forward(incoming, outgoing) {
  const { port } = server.address();
  const headers = passedOn(incoming.rawHeaders, [`127.0.0.1:${port}`, `localhost:${port}`]);
  for (const header of added) headers.push(...header);
  if (incoming.headers["transfer-encoding"]) headers.push("Transfer-Encoding", "chunked");
  const further = ask({
    host: target.hostname, port: target.port, path: incoming.url, method: incoming.method, headers,
    agent, setHost: false,
  });
  further.on("response", (answer) => {
    const back = [];
    for (let i = 0; i < answer.rawHeaders.length; i += 2) {
      const name = answer.rawHeaders[i];
      if (!HOP_BY_HOP.has(name.toLowerCase())) back.push(name, answer.rawHeaders[i + 1]);
    }
    outgoing.writeHead(answer.statusCode, answer.statusMessage, back);
    // Or the client would see a stream's headers only with its first event.
    outgoing.flushHeaders();
    answer.pipe(outgoing);
    // The gateway broke off: so does the shim.
    answer.on("close", () => answer.complete || outgoing.destroy());
  });
  further.on("error", () => outgoing.destroy());
  outgoing.on("close", () => outgoing.writableFinished || further.destroy());
  incoming.pipe(further);
}

const server = createServer(forward);
server.listen(Number(options.port), "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}${target.pathname}`;
  console.log(JSON.stringify({ ready: true, url }));
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
