import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { runProgram } from "../../program.ts";
import { recordedStreams } from "../../testing/streams.ts";
import { root } from "../../tree/root.ts";

const APP = {
  id: "4cbd5ee6-0000-4000-8000-000000000000",
  slug: "shop",
  labels: {},
  env_vars: [
    { id: "1", key: "COLOUR", value: "red", secret: false, contexts: ["production"] },
    { id: "2", key: "KEY", secret: true, contexts: "all", hosts: ["api.example.com"] },
  ],
  config: {},
  layers: [],
  created_at: "2026-01-02T03:04:05.000Z",
  updated_at: "2026-01-02T03:04:05.000Z",
};
const PRODUCTION = { app: APP, revision: "r2", previous: "r1", url: "https://shop.localhost:7777" };
const line = (message: string, level = "info") => ({
  timestamp: "2026-01-02T03:04:05.000Z",
  level,
  message,
  revision_id: "r2",
  region: "ord",
});

let seen: string[] = [];
/** What a log is, one look after another. */
let looks: object[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const path = request.url!.replace(/\?.*/, "");
  seen.push(`${request.method} ${path} ${body}`.trim());
  const answers: Record<string, unknown> = {
    "/api/v2/apps": request.method === "GET" ? [APP] : APP,
    "/api/v2/apps/shop": APP,
    [`/api/v1/apps/${APP.id}/production`]: PRODUCTION,
    "/api/v1/apps/shop/production": PRODUCTION,
    "/api/v1/apps/shop/rollback": { ...PRODUCTION, revision: "r1" },
    "/api/v2/apps/blog/logs": path.includes("blog") ? looks.shift() : null,
    "/api/v2/apps/shop/logs": request.url!.includes("cursor=")
      ? { logs: [line("third")], next_cursor: null }
      : { logs: [line("first"), line("second\u001b[2J", "error")], next_cursor: "c" },
    "/api/v2/apps/shop/revisions": [
      { id: "r2", status: "succeeded", failure_reason: null, created_at: APP.created_at },
      { id: "r1", status: "failed", failure_reason: "timed_out", created_at: APP.created_at },
    ],
    "/api/v2/revisions/r1/cancel": { status: "failed", cancellation_requested_at: null },
  };
  if (request.method === "DELETE") response.writeHead(204).end();
  else response.end(JSON.stringify(answers[path]));
});
before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
after(() => server.close());
beforeEach(() => {
  seen = [];
});

/** Runs a command line of `sandkeep`; gives what it printed. */
async function call(
  words: string[],
  env: NodeJS.ProcessEnv = {},
  recorded = recordedStreams({ tty: false }),
): Promise<{ out: string; err: string }> {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const streams = { ...recorded.streams, stdin: Object.assign(recorded.stdin, { isTTY: false }) };
  await runProgram(root, [...words, "--endpoint", endpoint, "--token", "t"], { streams, env, version: "1" });
  return recorded;
}

test("shows an app: where it is, what serves it, and its variables without secrets", async () => {
  const { out } = await call(["apps", "show", "shop"]);
  assert.match(out, /address +https:\/\/shop\.localhost:7777\n/);
  assert.match(out, /production +r2\nbefore that +r1\n/);
  assert.match(out, /COLOUR="red" in production\n/);
  assert.match(out, /KEY=secret for api\.example\.com\n/);
  assert.match((await call(["apps", "list"])).out, /shop +4cbd5ee6\S+ +2 +2026-01-02 03:04/);
});

test("sets variables, secrets from the environment, and deletes some", async () => {
  const words = ["apps", "set", "shop", "A=1", "B=x=y", "--unset", "C", "--context", "preview"];
  await call([...words, "--secret", "KEY=MINE@a.example,b.example"], { MINE: "v" });
  assert.deepEqual(seen, [
    `PATCH /api/v2/apps/shop ${JSON.stringify({
      env_vars: [
        { key: "C", delete: true },
        { key: "A", value: "1", contexts: ["preview"] },
        { key: "B", value: "x=y", contexts: ["preview"] },
        { key: "KEY", value: "v", secret: true, hosts: ["a.example", "b.example"], contexts: ["preview"] },
      ],
    })}`,
  ]);
  await assert.rejects(call(["apps", "set", "shop"]), /nothing to set/);
  await assert.rejects(call(["apps", "set", "shop", "--secret", "KEY=MINE"]), /no MINE/);
  await assert.rejects(call(["apps", "set", "shop", "--secret", "KEY"]), /NAME=VARIABLE/);
});

test("creates and deletes apps, and leads them back", async () => {
  assert.equal((await call(["apps", "create", "shop", "--label", "a=b"])).out, "shop\n");
  assert.equal((await call(["apps", "delete", "shop", "other"])).out, "shop\nother\n");
  assert.equal((await call(["rollback", "shop"])).out, "https://shop.localhost:7777 leads to r1\n");
  await call(["rollback", "shop", "r1"]);
  assert.deepEqual(seen, [
    'POST /api/v2/apps {"slug":"shop","labels":{"a":"b"}}',
    "DELETE /api/v2/apps/shop",
    "DELETE /api/v2/apps/other",
    "POST /api/v1/apps/shop/rollback {}",
    'POST /api/v1/apps/shop/rollback {"revision":"r1"}',
  ]);
});

test("prints a log page by page, and nothing that a terminal would obey", async () => {
  const { out } = await call(["logs", "shop", "--level", "info"]);
  assert.deepEqual(
    out.split("\n").map((one) => one.slice("2026-01-02T03:04:05.000Z ".length)),
    ["first", out.split("\n")[1]!.slice("2026-01-02T03:04:05.000Z ".length), "third", ""],
  );
  assert.ok(!out.includes("\u001b[2J"));
});

test("prints equal lines of one moment as often as they were printed, also while it follows", async () => {
  const look = (...messages: string[]) => ({ logs: messages.map((one) => line(one)), next_cursor: null });
  looks = [look("same", "same"), look("same", "same", "other", "same"), look("same", "same", "other", "same", "last")];
  const recorded = recordedStreams({ tty: false });
  // There is no fourth: that ends it.
  await assert.rejects(call(["logs", "--follow", "blog"], {}, recorded));
  assert.deepEqual(recorded.out.match(/(?<=Z ).*/g), ["same", "same", "other", "same", "last"]);
});

test("lists, cancels and deletes revisions", async () => {
  const { out } = await call(["revisions", "list", "shop"]);
  assert.match(out, /r2 +succeeded +2026-01-02 03:04 +production\n/);
  assert.match(out, /r1 +timed_out/);
  assert.equal((await call(["revisions", "cancel", "r1"])).out, "r1 has ended already: failed\n");
  assert.equal((await call(["revisions", "delete", "r1"])).out, "r1\n");
});

test("deploy needs an app and a directory", async () => {
  await assert.rejects(call(["deploy", "."]), /no app is named/);
  await assert.rejects(call(["deploy", "/no/such/place", "--app", "shop"]), /not a directory/);
});
