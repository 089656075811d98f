import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { watch } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../program.ts";
import { addProgram } from "../../testing/programs.ts";
import { recordedStreams } from "../../testing/streams.ts";
import { temporaryDirectory } from "../../testing/temporary-directory.ts";
import { root } from "../../tree/root.ts";

const ID = "sbx_ord_1at5nn58e77rtd11e3k3";
const URL_WITH_TOKEN = "http://127.0.0.1:1/terminal/#a-token-that-only-we-know";

const dir = temporaryDirectory();
const server = createServer((_request, response) =>
  response.end(JSON.stringify({ url: URL_WITH_TOKEN, expiresAt: "2026-01-01T00:00:00.000Z" })),
);
before(async () => {
  addProgram(dir, "browser", `echo "$@" > '${dir}/args.new'; mv '${dir}/args.new' '${dir}/args'`);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(() => void server.close());

async function open(words: string[], env: NodeJS.ProcessEnv) {
  const recorded = recordedStreams({ tty: false });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const streams = { ...recorded.streams, stdin: Object.assign(recorded.stdin, { isTTY: false }) };
  const options = ["--endpoint", endpoint, "--token", "t", "--data-dir", join(dir, "data")];
  await runProgram(root, ["open", ID, ...options, ...words], { streams, env, version: "1" });
  return recorded;
}

test("prints the link and opens it, without showing it to others on the computer", async () => {
  const changes = watch(dir)[Symbol.asyncIterator]();
  // The browser is started, and then writes its arguments.
  const written = (async () => {
    while ((await changes.next()).value?.filename !== "args");
    await changes.return?.();
  })();
  const { out } = await open([], { ...process.env, BROWSER: join(dir, "browser") });
  await written;
  assert.equal(out, `${URL_WITH_TOKEN}\n`);
  const args = readFileSync(join(dir, "args"), "utf8").trim();
  assert.ok(!args.includes("token"), args);
  const page = fileURLToPath(args);
  assert.equal(statSync(page).mode & 0o777, 0o600);
  assert.ok(readFileSync(page, "utf8").includes(`content="0;url=${URL_WITH_TOKEN}"`));
});

test("only prints it with --no-browser, and says why no browser was opened", async () => {
  const env = { PATH: process.env.PATH };
  const plain = await open(["--no-browser"], env);
  assert.deepEqual([plain.out, plain.err], [`${URL_WITH_TOKEN}\n`, ""]);
  assert.match((await open([], env)).err, /No browser was opened: this computer has no desktop/);
  const wrong = await open([], { ...env, BROWSER: join(dir, "no-such-browser") });
  assert.equal(wrong.out, `${URL_WITH_TOKEN}\n`);
  assert.match(wrong.err, /the program \S+ cannot be run/);
});
