import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import type { EgressView } from "@sandkeep/protocol";
import { CliError, UsageError } from "../../errors.ts";
import { runProgram } from "../../program.ts";
import { recordedStreams } from "../../testing/streams.ts";
import { temporaryDirectory } from "../../testing/temporary-directory.ts";
import { root } from "../../tree/root.ts";

const ID = "sbx_ord_1at5nn58e77rtd11e3k3";
const VALUE = "hunter2";
const STATE: EgressView = {
  allow: ["api.example"],
  deny: ["x.example"],
  rules: [
    {
      host: "api.example",
      methods: ["GET", "PUT"],
      paths: ["/v1/**"],
      websocket: true,
      maxRequestBytes: 1_024,
      requestsPerMinute: 60,
    },
  ],
  secrets: [{ name: "KEY", hosts: ["api.example"], in: ["body"] }],
};
const LOG = `${JSON.stringify({ id: "evt_1" })}\n`.repeat(10_000);

const dir = temporaryDirectory();
let seen: { method: string | undefined; url: string | undefined; body: unknown }[] = [];
const server = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  seen.push({ method: request.method, url: request.url, body: text === "" ? undefined : JSON.parse(text) });
  if (request.url?.includes("/log")) response.end(LOG);
  else if (request.method === "DELETE") response.writeHead(204).end();
  else response.end(JSON.stringify(request.url?.includes("/secrets/") ? STATE.secrets[0] : STATE));
});
before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
after(() => server.close());
beforeEach(() => {
  seen = [];
});

/** Runs a command line of `sandkeep egress`; gives what it printed. */
async function call(
  words: string[],
  { input = "", env = {}, tty = false }: { input?: string; env?: Record<string, string>; tty?: boolean } = {},
): Promise<string> {
  const recorded = recordedStreams({ tty });
  recorded.stdin.end(input);
  const streams = { ...recorded.streams, stdin: Object.assign(recorded.stdin, { isTTY: tty }) };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await runProgram(root, ["egress", ...words, "--endpoint", endpoint, "--token", "t"], { streams, env, version: "1" });
  return recorded.out;
}

const path = `/api/v1/sandboxes/${ID}/egress`;

test("show prints hosts, rules and secrets", async () => {
  const text = await call(["show", ID]);
  assert.match(
    text,
    /^allowed\n {2}api\.example\ndenied\n {2}x\.example\nrules\n {2}api\.example {2}GET,PUT {2}\/v1\/\*\* {2}WebSockets too {2}bodies up to 1\.0 KiB {2}60 a minute\nsecrets\n {2}KEY → api\.example \(in bodies, too\)\n$/,
  );
  assert.deepEqual(JSON.parse(await call(["show", "--json"], { env: { SANDBOX_ID: ID } })), STATE);
});

test("allow and deny add, remove and replace", async () => {
  await call(["allow", ID, "a.example", "*.b.example"]);
  await call(["allow", ID, "--remove", "a.example"]);
  await call(["allow", ID, "--only"]);
  await call(["allow", ID, "--public"]);
  await call(["deny", "-", "c.example"], { env: { SANDBOX_ID: ID } });
  await call(["deny", ID, "--only", "d.example"]);
  assert.deepEqual(
    seen.map(({ method, url, body }) => [method, url, body]),
    [
      ["PATCH", path, { allow: { add: ["a.example", "*.b.example"] } }],
      ["PATCH", path, { allow: { remove: ["a.example"] } }],
      ["PATCH", path, { allow: [] }],
      ["PATCH", path, { allow: null }],
      ["PATCH", path, { deny: { add: ["c.example"] } }],
      ["PATCH", path, { deny: ["d.example"] }],
    ],
  );
  for (const words of [
    ["allow", ID],
    ["allow", ID, "--remove", "--only", "a"],
    ["allow", ID, "--public", "a"],
    ["deny", ID, "--remove"],
  ])
    await assert.rejects(call(words), UsageError);
});

test("rules come from a file or from standard input", async () => {
  const file = join(dir, "rules.json");
  writeFileSync(file, JSON.stringify(STATE.rules));
  await call(["rules", ID, "--file", file]);
  await call(["rules", ID, "--file", "-"], { input: "[]" });
  assert.deepEqual(
    seen.map(({ body }) => body),
    [{ rules: STATE.rules }, { rules: [] }],
  );
  await assert.rejects(call(["rules", ID]), UsageError);
  await assert.rejects(call(["rules", ID, "--file", "-"], { input: "{}" }), UsageError);
  await assert.rejects(
    call(["rules", ID, "--file", join(dir, "none")]),
    (error) => error instanceof CliError && error.code === "NO_SUCH_FILE",
  );
});

describe("a secret's value", () => {
  test("comes from standard input or a variable", async () => {
    await call(["secret", "set", ID, "KEY", "--host", "a.example", "--host", "b.example", "--in", "body"], {
      input: `${VALUE}\n`,
    });
    await call(["secret", "set", ID, "A/B", "--value-env", "NEW"], { env: { NEW: VALUE } });
    await call(["secret", "set", ID, "KEY", "--in", "headers"], { input: " two words " });
    assert.deepEqual(seen, [
      {
        method: "PUT",
        url: `${path}/secrets/KEY`,
        body: { value: VALUE, hosts: ["a.example", "b.example"], in: ["body"] },
      },
      { method: "PUT", url: `${path}/secrets/A%2FB`, body: { value: VALUE } },
      { method: "PUT", url: `${path}/secrets/KEY`, body: { value: " two words ", in: [] } },
    ]);
  });

  test("is not read from a terminal, where it would be visible, and a missing one is an error", async () => {
    await assert.rejects(call(["secret", "set", ID, "KEY"], { tty: true }), UsageError);
    await assert.rejects(call(["secret", "set", ID, "KEY", "--value-env", "NOT_SET"]), UsageError);
    await assert.rejects(call(["secret", "set", ID, "KEY", VALUE]), UsageError, "never an argument");
    await assert.rejects(
      call(["secret", "set", ID, "KEY"], { input: "x".repeat(100_000) }),
      (error) => error instanceof CliError && error.code === "INPUT_TOO_LARGE",
    );
    assert.deepEqual(seen, []);
  });

  test("is not printed", async () => {
    assert.equal(
      await call(["secret", "set", ID, "KEY", "--host", "a.example"], { input: VALUE }),
      "KEY → api.example\n",
    );
    assert.equal(await call(["secret", "revoke", ID, "KEY"]), "KEY\n");
    assert.deepEqual(seen.at(-1), { method: "DELETE", url: `${path}/secrets/KEY`, body: undefined });
  });
});

test("export writes the log to a file or to standard output", async () => {
  const file = join(dir, "traffic.har");
  assert.equal(await call(["export", ID, "--format", "har", "--output", file]), `${file}\n`);
  assert.equal(readFileSync(file, "utf8"), LOG);
  assert.equal(await call(["export", ID]), LOG);
  assert.deepEqual(
    seen.map(({ url }) => url),
    [`${path}/log?format=har`, `${path}/log?format=jsonl`],
  );
  await assert.rejects(
    call(["export", ID, "--output", join(dir, "none", "file")]),
    (error) => error instanceof CliError && error.code === "EXPORT_FAILED",
  );
});
