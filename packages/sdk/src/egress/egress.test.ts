import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { ApiError } from "../errors/api.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { PeerServer, SANDBOX_ID } from "../testing/peer.ts";

const STATE = { allow: ["a.example"], deny: [], rules: [], secrets: [] };
const HTTP = { at: 1_000, durationMs: 2, verdict: "denied", host: "ü.example", path: "/" };
const EVENTS = [
  { id: "evt_1", kind: "http", outcome: "denied", data: HTTP },
  {
    id: "evt_2",
    kind: "dns",
    outcome: "ok",
    data: { at: 2_000, durationMs: 0, verdict: "allowed", name: "a.example", type: "A" },
  },
];

interface Seen {
  method: string | undefined;
  url: string;
  body: unknown;
}

async function connected(
  answer: (seen: Seen, response: ServerResponse) => void,
): Promise<{ sandbox: Sandbox; seen: Seen[] } & AsyncDisposable> {
  const seen: Seen[] = [];
  const server = await PeerServer.start({}, (request, response, body) => {
    const one = { method: request.method, url: String(request.url), body: body === "" ? undefined : JSON.parse(body) };
    seen.push(one);
    answer(one, response);
  });
  const sandbox = await Sandbox.connect(SANDBOX_ID, server.options);
  return {
    sandbox,
    seen,
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("options are part of the configuration", async () => {
  await using server = await PeerServer.start();
  const egress = { deny: ["x.example"], rules: [{ host: "a.example", methods: ["GET"] }] };
  await using _ = await Sandbox.create({
    ...server.options,
    egress,
    secrets: { KEY: { hosts: ["a.example"], value: "v", in: ["body"], placeholder: "sk-…" } },
  });
  const config = JSON.parse(
    Buffer.from(String(server.peer.request.headers["x-deno-sandbox-config"]), "base64").toString("latin1"),
  ) as Record<string, unknown>;
  assert.deepEqual(config.egress, egress);
  assert.deepEqual(config.secrets, { KEY: { hosts: ["a.example"], value: "v", in: ["body"], placeholder: "sk-…" } });
});

test("reads and changes what a sandbox may reach", async () => {
  await using all = await connected((_, response) => void response.end(JSON.stringify(STATE)));
  const {
    sandbox: { egress },
    seen,
  } = all;
  assert.deepEqual(await egress.get(), STATE);
  await egress.allow("a.example", "b.example");
  await egress.disallow("b.example");
  await egress.deny("c.example");
  await egress.set({ allow: null, rules: [] });
  const url = `/api/v1/sandboxes/${SANDBOX_ID}/egress`;
  assert.deepEqual(seen, [
    { method: "GET", url, body: undefined },
    { method: "PATCH", url, body: { allow: { add: ["a.example", "b.example"] } } },
    { method: "PATCH", url, body: { allow: { remove: ["b.example"] } } },
    { method: "PATCH", url, body: { deny: { add: ["c.example"] } } },
    { method: "PATCH", url, body: { allow: null, rules: [] } },
  ]);
});

test("sets and revokes secrets, and reports the server's refusals", async () => {
  await using all = await connected(({ method }, response) => {
    if (method === "DELETE")
      response.writeHead(404).end(JSON.stringify({ code: "SECRET_NOT_FOUND", message: "There is none." }));
    else response.end(JSON.stringify({ name: "A/B", hosts: ["a.example"], in: [] }));
  });
  const {
    sandbox: { egress },
    seen,
  } = all;
  assert.deepEqual(await egress.setSecret("A/B", { value: "v", hosts: ["a.example"], in: ["body"] }), {
    name: "A/B",
    hosts: ["a.example"],
    in: [],
  });
  await egress.setSecret("A/B", { value: "w" });
  await assert.rejects(
    egress.revokeSecret("A/B"),
    (error) => error instanceof ApiError && error.code === "SECRET_NOT_FOUND",
  );
  const url = `/api/v1/sandboxes/${SANDBOX_ID}/egress/secrets/A%2FB`;
  assert.deepEqual(seen, [
    { method: "PUT", url, body: { value: "v", hosts: ["a.example"], in: ["body"] } },
    { method: "PUT", url, body: { value: "w" } },
    { method: "DELETE", url, body: undefined },
  ]);
});

test("the log is read as events, however it is split on the way", async () => {
  await using all = await connected((_, response) => {
    for (const byte of Buffer.from(EVENTS.map((event) => `${JSON.stringify(event)}\n`).join("")))
      response.write(Buffer.of(byte));
    response.end();
  });
  const events = await Array.fromAsync(all.sandbox.egress.log());
  const { at, ...rest } = HTTP;
  assert.deepEqual(events[0], { id: "evt_1", kind: "http", startedAt: new Date(at), ...rest });
  assert.equal(events[1]?.kind, "dns");
});

test("a log that breaks off is an error", async () => {
  await using all = await connected((_, response) => void response.end(JSON.stringify(EVENTS[0])));
  await assert.rejects(Array.fromAsync(all.sandbox.egress.log()), ApiError);
});

test("a log with an entry that does not end is an error", async () => {
  await using bench = await connected((_, response) => {
    const more = () => {
      while (!response.destroyed) if (!response.write("x".repeat(65_536))) return void response.once("drain", more);
    };
    more();
  });
  await assert.rejects(() => Array.fromAsync(bench.sandbox.egress.log()), { code: "INVALID_EVENT" });
});

test("a followed log continues where it was cut off, and ends with the sandbox", async () => {
  const stopped = { id: "evt_3", kind: "sandbox.stopped", outcome: "ok", data: {} };
  const parts = [[EVENTS[0]], [EVENTS[1], stopped, { ...EVENTS[0], id: "evt_4" }]];
  await using all = await connected(
    (_, response) =>
      void response.end(
        parts
          .shift()!
          .map((event) => `id: ${event!.id}\ndata: ${JSON.stringify(event)}\n\n`)
          .join(""),
      ),
  );
  const events = await Array.fromAsync(all.sandbox.egress.log({ follow: true }));
  assert.deepEqual(
    events.map(({ id }) => id),
    ["evt_1", "evt_2"],
  );
  assert.deepEqual(
    all.seen.map(({ url }) => new URL(url, "http://x").searchParams.get("after")),
    ["evt_0", "evt_1"],
  );
});

test("a followed log ends when its signal is aborted", async () => {
  await using all = await connected((_, response) => void response.write(`data: ${JSON.stringify(EVENTS[0])}\n\n`));
  const enough = new AbortController();
  const ids: string[] = [];
  for await (const { id } of all.sandbox.egress.log({ follow: true, signal: enough.signal })) {
    ids.push(id);
    enough.abort();
  }
  assert.deepEqual(ids, ["evt_1"]);
});
