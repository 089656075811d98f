/** A private door in a real browser: Chromium opens a link with a token, and the page uses a WebSocket. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Sandbox } from "sandkeep";
import { TestServer } from "../harness/server.ts";
import { PAGE } from "./page.ts";

const CHROMIUM = "/usr/bin/chromium";
/** For a visit, milliseconds: the machine is emulated, and other tests run beside this one. */
const TIMEOUT_MS = 90_000;
/** Folder for the pictures in docs/doors.md, if they are to be made anew: `docs/pictures`. */
const { SANDKEEP_PICTURES: pictures } = process.env;
const run = promisify(execFile);

describe("a browser", { skip: !existsSync(CHROMIUM) && "there is no Chromium", timeout: 4 * TIMEOUT_MS }, () => {
  let server: TestServer;
  let sandbox: Sandbox;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "sandkeep-browser-"));
    server = await TestServer.start();
    sandbox = await Sandbox.create({ ...server.ready, timeout: "10m" });
    const app = await sandbox.deno.run({ code: PAGE });
    await app.httpReady;
  });
  after(async () => {
    await sandbox?.kill().catch(() => {});
    await server?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  /** The page after it has loaded, as the browser then has it. */
  async function open(url: string, picture?: string): Promise<string> {
    if (pictures && picture)
      await browse(url, `--screenshot=${resolve(pictures, picture)}`, "--window-size=800,420", "--hide-scrollbars");
    return await browse(url, "--dump-dom");
  }

  async function browse(url: string, ...more: string[]): Promise<string> {
    const args = [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--user-data-dir=${join(dir, "profile")}`,
      // Who trusts which certificate is tested with curl.
      "--ignore-certificate-errors",
      ...more,
      url,
    ];
    return (await run(CHROMIUM, args, { timeout: TIMEOUT_MS })).stdout;
  }

  test("loads a page behind a private door from a link, with what the page loads and its WebSocket", async () => {
    const link = await sandbox.exposeHttp({ port: 8000, auth: "token" });
    const dom = await open(link);
    assert.match(dom, /<p id="script">loaded<\/p>/);
    assert.match(dom, /<p id="socket">echo hello<\/p>/);
    // The token is not in the address any more.
    assert.match(dom, /<p id="address">\/<\/p>/);
    // The cookie is enough from now on, and scripts do not see it.
    const again = await open(link.replace(/\?.*/, ""));
    assert.match(again, /<p id="socket">echo hello<\/p>/);
    assert.match(again, /<p id="cookie"><\/p>/);
  });

  test("shows people why there is nothing", async () => {
    const early = await open(await sandbox.exposeHttp({ port: 9000 }), "door-early.png");
    assert.match(early, /<h1>Nothing is listening here yet<\/h1>/);
    const link = await sandbox.exposeHttp({ port: 8000, auth: "token" });
    assert.match(await open(link.replace(/\?.*/, ""), "door-private.png"), /<h1>This page is private<\/h1>/);
  });
});
