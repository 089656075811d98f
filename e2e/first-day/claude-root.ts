/**
 * A coding agent, installed once as its users install it: every sandbox made from the snapshot has it. Skipped unless
 * SANDKEEP_E2E_CLAUDE is set, because the program has 400 MB, which the sandbox downloads and unpacks.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Client, Sandbox } from "sandkeep";
import { Guest } from "../compat/guest.ts";
import { npmArchives } from "../compat/packages/npm-archives.ts";
import { startRegistry } from "../compat/servers/npm.ts";
import { startAnthropic, TOKENS } from "../compat/servers/tokens.ts";
import type { HttpsUpstream } from "../compat/servers/upstream.ts";
import { TestAuthority } from "../egress/fixture/authority.ts";
import { startWithUpstreams } from "../egress/fixture/installation.ts";
import { until } from "../harness/poll.ts";
import type { TestServer } from "../harness/server.ts";

const PACKAGE = "@anthropic-ai/claude-code";
const VERSION = "2.1.332";
/** The second has the program for the guest's platform. */
const PACKAGES = [`${PACKAGE}@${VERSION}`, `${PACKAGE}-linux-x64@${VERSION}`];
const REGISTRY = "npm.example.com";
/** Memory for the warm pools, in MiB: enough for a clone of the snapshot's template. */
const AHEAD_MIB = 400;
/** Makes the first run in each sandbox fast. */
const WARM_UP = `sudo sh -c 'mkdir -p /etc/sandkeep; cd /etc/sandkeep
  printf "#!/bin/sh\\nclaude --version\\n" > warm-up; chmod +x warm-up'`;
/** Time limits on a busy computer, under emulation, in milliseconds. */
const INSTALL_TIMEOUT_MS = 300_000;
const TEMPLATE_TIMEOUT_MS = 240_000;
const ANSWER_TIMEOUT_MS = 120_000;
/** In how many new sandboxes the version is asked for. */
const TIMES = 5;

const skip = process.env.SANDKEEP_E2E_CLAUDE ? false : "set SANDKEEP_E2E_CLAUDE=1 to run it";

/** A sandbox that may reach one upstream, with its secret. */
async function create({ host, credential }: HttpsUpstream, root: string): Promise<Guest> {
  const secrets = { [credential.variable]: { hosts: [host], value: credential.value } };
  return new Guest(await Sandbox.create({ root, secrets, allowNet: [host] }));
}

async function askVersion(model: HttpsUpstream, root: string, t: TestContext): Promise<void> {
  const start = performance.now();
  await using guest = await create(model, root);
  assert.equal(await guest.run("claude --version"), `${VERSION} (Claude Code)\n`);
  t.diagnostic(`claude --version: ${Math.round(performance.now() - start)} ms from the call of Sandbox.create`);
}

/** Whether a snapshot's template is complete: then it has a marker. */
async function hasTemplate({ dataDir }: TestServer, snapshot: string): Promise<boolean> {
  const dir = join(dataDir, "templates");
  const markers = (await readdir(dir)).map((name) => readFile(join(dir, name, "template"), "utf8").catch(() => "{}"));
  return (await Promise.all(markers)).some((text) => JSON.parse(text).root === `snapshot ${snapshot}`);
}

/** Registers the test. It starts a server of its own, and points clients at it: it must be the last. */
export default function claudeRoot(): void {
  test("claude, installed with npm and snapshotted, runs as a root, and its key is a secret", { skip }, run);
}

async function run(t: TestContext): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await TestAuthority.create());
  const registry = stack.use(await startRegistry(REGISTRY, await npmArchives(PACKAGES), authority));
  const model = stack.use(await startAnthropic(authority));
  const hosts = Object.fromEntries([registry, model].map(({ host, port }) => [host, `127.0.0.1:${port}`]));
  const config = { engine: { aheadMemoryMiB: AHEAD_MIB } };
  const server = stack.use(await startWithUpstreams({ hosts, authority, config }));
  Object.assign(process.env, server.env);

  const { volumes } = new Client();
  const base = await volumes.create({
    slug: "claude-base",
    region: "ord",
    capacity: "10GiB",
    from: "builtin:debian-13",
  });
  {
    await using guest = await create(registry, base.slug);
    const install = `npm install -g ${PACKAGE} --registry=https://${REGISTRY}/ "--//${REGISTRY}/:_authToken=$NPM_TOKEN"`;
    await guest.run(install, { timeoutMs: INSTALL_TIMEOUT_MS });
    await guest.run(WARM_UP);
  }
  const snapshot = await volumes.snapshot(base.id, { slug: "claude" });

  // While the first one runs, the template is built.
  await askVersion(model, snapshot.slug, t);
  await until("the snapshot's template is built", () => hasTemplate(server, snapshot.id), TEMPLATE_TIMEOUT_MS);
  for (let n = 0; n < TIMES; n++) await askVersion(model, snapshot.slug, t);

  await using guest = await create(model, snapshot.slug);
  for (const _ of TOKENS.slice(1)) model.gate.open();
  const hello = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 claude -p hello < /dev/null";
  assert.equal(await guest.run(hello, { timeoutMs: ANSWER_TIMEOUT_MS }), `${TOKENS.join("")}\n`);
  assert.ok(!(await guest.run("env")).includes(model.credential.value));
  assert.ok(model.granted().some(({ method, path }) => method === "POST" && path.startsWith("/v1/messages")));
}
