/**
 * What a sandbox may reach, shown and changed from the command line, on real machines and across a kill of the server.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findInFiles, formsOf } from "../egress/fixture/hunt.ts";
import { TestServer } from "../harness/server.ts";
import { Installation } from "./installation.ts";

const VALUE = "sk-live-52d8f1";
const ROTATED = "sk-live-rotated-90c7";

let dir: string;
let server: TestServer;
let installation: Installation;
let id: string;
/** Everything that reached the upstream, including headers. */
let received = "";
const upstream = createServer((request, response) => {
  received += `${request.method} ${request.url} ${request.rawHeaders.join(" ")}\n`;
  response.end("from upstream");
});

async function start(): Promise<TestServer> {
  const { port } = upstream.address() as AddressInfo;
  return await TestServer.start({
    dataDir: join(dir, "data"),
    config: {
      engine: { aheadMemoryMiB: 128 },
      egress: { hosts: { "api.example.com": `127.0.0.1:${port}`, "other.example.com": `127.0.0.1:${port}` } },
    },
  });
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-egress-"));
  await once(upstream.listen(0, "127.0.0.1"), "listening");
  server = await start();
  installation = await Installation.create(server.env);
  id = (
    await installation.output(
      ["create", "--timeout", "20m", "--allow-net", "api.example.com", "--secret", "API_KEY=MY_KEY@api.example.com"],
      { env: { MY_KEY: VALUE } },
    )
  ).trim();
});
after(async () => {
  await installation[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  upstream.close();
  await rm(dir, { recursive: true, force: true });
});

/** The result of a request from the sandbox: the body, or curl's exit code. */
const ask = async (host: string) =>
  await installation.output(["exec", id, "--", "sh", "-c", `curl -sf -m 20 http://${host}/ || echo failed`]);

test("a sandbox reaches what is listed and nothing else", async () => {
  assert.match(
    await installation.output(["egress", "show", id]),
    /^allowed\n {2}api\.example\.com\nsecrets\n {2}API_KEY → api\.example\.com\n$/,
  );
  assert.equal(await ask("api.example.com"), "from upstream");
  assert.match(await ask("other.example.com"), /failed/);
});

test("allow and deny count at once", async () => {
  await installation.output(["egress", "allow", id, "other.example.com"]);
  assert.equal(await ask("other.example.com"), "from upstream");
  await installation.output(["egress", "deny", id, "*.example.com"]);
  for (const host of ["api.example.com", "other.example.com"]) assert.match(await ask(host), /failed/);
  await installation.output(["egress", "deny", id, "--remove", "*.example.com"]);
  assert.equal(await ask("api.example.com"), "from upstream");
  const refused = await installation.call(["egress", "allow", id, "https://a.example/"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /"https:\/\/a\.example\/".*URL/);
});

test("a secret is a placeholder inside, also when it is added and rotated; revoked, it is gone", async () => {
  const variable = async (name: string) =>
    (await installation.output(["exec", id, "--", "sh", "-c", `echo $${name}`])).trim();
  const before = await variable("API_KEY");
  assert.match(before, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
  await installation.output(["egress", "secret", "set", id, "API_KEY"], { input: `${ROTATED}\n` });
  assert.equal(await variable("API_KEY"), before);
  await installation.output(
    [
      "egress",
      "secret",
      "set",
      id,
      "SECOND",
      "--host",
      "api.example.com",
      "--value-env",
      "MY_KEY",
      "--placeholder",
      "ghp_...{36}",
    ],
    { env: { MY_KEY: VALUE } },
  );
  assert.match(await variable("SECOND"), /^ghp_[0-9A-Za-z]{36}$/);
  await installation.output(["egress", "secret", "revoke", id, "SECOND"]);
  assert.equal(await variable("SECOND"), "");
});

test("what it reached, and what it was kept from, is told and exported", async () => {
  const events = await installation.output(["events", id, "--kind", "http,connection,dns"]);
  assert.match(events, /✔ .*api\.example\.com/);
  assert.match(events, /⊘ .*other\.example\.com.*denied/);
  const file = join(dir, "log.jsonl");
  await installation.output(["egress", "export", id, "--output", file]);
  const lines = (await readFile(file, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { sandbox: string });
  assert.ok(lines.length > 5 && lines.every(({ sandbox }) => sandbox === id));
  const har = JSON.parse(await installation.output(["egress", "export", id, "--format", "har"])) as {
    log: { version: string };
  };
  assert.equal(har.log.version, "1.2");
});

test("after a kill of the server the next one lets the sandbox reach the same, and nothing else", async () => {
  await server.crash();
  server = await start();
  Object.assign(installation.env, server.env);
  await installation.output(["egress", "allow", id, "--remove", "other.example.com"]);
  assert.equal(await ask("api.example.com"), "from upstream");
  assert.match(await ask("other.example.com"), /failed/);
  assert.match(await installation.output(["events", id, "--kind", "egress.changed"]), /✔ .*restored/);
});

test("the values are nowhere: not at the upstream, which was spoken to without TLS, nor in what the server keeps", async () => {
  await installation.output([
    "exec",
    id,
    "--",
    "sh",
    "-c",
    'curl -s -m 20 -H "x-key: $API_KEY" http://api.example.com/',
  ]);
  const told = [received, server.log].join("\n");
  assert.ok(findInFiles(join(dir, "data"), [Buffer.from(id)]).length > 0, "the search finds what is there");
  for (const value of [VALUE, ROTATED]) {
    assert.ok(!told.includes(value));
    assert.deepEqual(findInFiles(join(dir, "data"), formsOf(value)), []);
  }
});
