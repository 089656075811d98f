import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
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
let made = 0;
const server = createServer((_request, response) =>
  response.end(
    JSON.stringify({
      url: made++ === 0 ? URL_WITH_TOKEN : `${URL_WITH_TOKEN}-${made}`,
      expiresAt: "2026-01-01T00:00:00.000Z",
    }),
  ),
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
  const { out, args } = await opened(join(dir, "browser"));
  assert.equal(out, `${URL_WITH_TOKEN}\n`);
  assert.ok(!args.includes("token"), args);
  const page = fileURLToPath(args);
  assert.equal(statSync(page).mode & 0o777, 0o600);
  assert.ok(readFileSync(page, "utf8").includes(`content="0;url=${URL_WITH_TOKEN}"`));
});

test("BROWSER may be a list, with arguments", async () => {
  assert.match((await opened(`no-such-browser %s:${join(dir, "browser")} --new %s x`)).args, /^--new file:\S+ x$/);
  assert.match((await opened(`:${join(dir, "browser")}  --tab`)).args, /^--tab file:\S+$/);
});

/** What is printed, and with which arguments the browser is started. */
async function opened(BROWSER: string): Promise<{ out: string; args: string }> {
  const changes = watch(dir)[Symbol.asyncIterator]();
  // The browser is started, and then writes its arguments.
  const written = (async () => {
    while ((await changes.next()).value?.filename !== "args");
    await changes.return?.();
  })();
  const { out } = await open([], { ...process.env, BROWSER });
  await written;
  return { out, args: readFileSync(join(dir, "args"), "utf8").trim() };
}

test("each link has a page of its own, which a slow browser finds until the link has expired", async () => {
  const pages = join(dir, "data", "open");
  const env = { ...process.env, BROWSER: "true" };
  const old = readdirSync(pages);
  await open([], env);
  const { out } = await open([], env);
  const links = readdirSync(pages).map((name) => readFileSync(join(pages, name), "utf8"));
  assert.equal(links.length, old.length + 2);
  assert.equal(new Set(links).size, links.length);
  assert.ok(links.some((page) => page.includes(`url=${out.trim()}"`)));
  for (const name of readdirSync(pages)) utimesSync(join(pages, name), new Date(0), new Date(0));
  await open([], env);
  assert.equal(readdirSync(pages).length, 1);
});

test("only prints it with --no-browser, and says why no browser was opened", async () => {
  const env = { PATH: process.env.PATH };
  const plain = await open(["--no-browser"], env);
  assert.ok(plain.out.startsWith(URL_WITH_TOKEN));
  assert.equal(plain.err, "");
  assert.match((await open([], env)).err, /No browser was opened: this computer has no desktop/);
  const wrong = await open([], { ...env, BROWSER: join(dir, "no-such-browser") });
  assert.ok(wrong.out.startsWith(URL_WITH_TOKEN));
  assert.match(wrong.err, /the program \S+ cannot be run/);
});
