/** The official Python client, unmodified, with volumes and snapshots. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Sandbox } from "sandkeep";
import { cached } from "../compat/packages/cache.ts";
import { TestServer } from "../harness/server.ts";

const CLIENT = "deno-sandbox==0.16.0";
/** For the program as a whole, in milliseconds. It creates a few sandboxes. */
const TIMEOUT_MS = 240_000;
const run = promisify(execFile);

let server: TestServer;
let packages: string;
before(async () => {
  const { stdout: version } = await run("python3", ["--version"]);
  packages = await cached("python-client", { CLIENT, version }, async (dir) => {
    await run("python3", ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir, CLIENT]);
  });
  server = await TestServer.start();
  // The first machine may have to wait for a template, and Python's client gives up after 10 s.
  await using _ = await Sandbox.create(server.ready);
});
after(() => server?.[Symbol.asyncDispose]());

test("volumes and snapshots do in Python what its client expects", { timeout: TIMEOUT_MS }, async () => {
  await run("python3", [join(import.meta.dirname, "storage.py")], {
    env: { ...process.env, ...server.env, PYTHONPATH: packages },
    timeout: TIMEOUT_MS,
  });
});
