import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import type { Door } from "@sandkeep/protocol";
import { runProgram } from "../../program.ts";
import { recordedStreams } from "../../testing/streams.ts";
import { root } from "../../tree/root.ts";

const DOOR: Door = {
  name: "shop",
  kind: "http",
  domain: "shop.localhost:7777",
  sandbox: "sbx_ord_1at5nn58e77rtd11e3k3",
  port: 8000,
  pid: null,
  auth: "none",
  tokenExpiresAt: null,
  stable: true,
  createdAt: "2026-01-02T03:04:05.000Z",
};
const DOORS: Door[] = [
  DOOR,
  { ...DOOR, name: "secret", domain: "secret.localhost", port: null, pid: 7, auth: "token" },
  { ...DOOR, name: "mine", domain: "mine.localhost", auth: "token", tokenExpiresAt: "2999-01-02T03:04:05.000Z" },
  { ...DOOR, name: "kept", domain: "kept.localhost", sandbox: null, port: null },
];

let seen: string[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  seen.push(`${request.method} ${request.url} ${body}`.trim());
  if (request.method === "DELETE") response.writeHead(204).end();
  else if (request.method === "POST") response.end(JSON.stringify({ url: "https://shop.localhost/?sandkeep-token=x" }));
  else response.end(JSON.stringify(DOORS));
});
before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
after(() => server.close());
beforeEach(() => {
  seen = [];
});

/** Runs a command line of `sandkeep doors`; gives what it printed. */
async function call(...words: string[]): Promise<string> {
  const recorded = recordedStreams({ tty: false });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const streams = { ...recorded.streams, stdin: Object.assign(recorded.stdin, { isTTY: false }) };
  await runProgram(root, ["doors", ...words, "--endpoint", endpoint, "--token", "t"], {
    streams,
    env: {},
    version: "1",
  });
  return recorded.out;
}

test("a list says where each door leads, and who may pass", async () => {
  const lines = (await call("list")).split("\n");
  assert.match(lines[1]!, /^shop\.localhost:7777 +http +sbx_ord_1at5nn58e77rtd11e3k3 +port 8000 +everybody/);
  assert.match(lines[2]!, /^secret\.localhost .* process 7 +nobody: no valid token/);
  assert.match(lines[3]!, /with a token, until 2999-01-02 03:04/);
  assert.match(lines[4]!, /^kept\.localhost +http +none/);
  assert.deepEqual(JSON.parse(await call("list", "sbx_1", "--json")), DOORS);
  assert.deepEqual(seen, ["GET /api/v1/doors", "GET /api/v1/doors?sandbox=sbx_1"]);
});

test("a door is named by its address or its name", async () => {
  for (const door of ["shop", "shop.localhost", "Shop.localhost:7777", "https://shop.localhost:7777/?sandkeep-token=x"])
    await call("close", door);
  assert.deepEqual(new Set(seen), new Set(["DELETE /api/v1/doors/shop"]));
});

test("tokens are replaced and revoked", async () => {
  assert.equal(await call("token", "shop", "--expires", "1h"), "https://shop.localhost/?sandkeep-token=x\n");
  await call("token", "shop");
  await call("revoke", "shop");
  assert.deepEqual(seen, [
    'POST /api/v1/doors/shop/token {"expiresInMs":3600000}',
    "POST /api/v1/doors/shop/token {}",
    "DELETE /api/v1/doors/shop/token",
  ]);
});
