/** Vite's development server in a sandbox, behind a private door: a browser sees changes of files at once. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type Browser, chromium, type Page } from "playwright-core";
import { Sandbox } from "sandkeep";
import { cached } from "../compat/packages/cache.ts";
import { TestServer } from "../harness/server.ts";
import "./next.ts";

const CHROMIUM = "/usr/bin/chromium";
const VITE = "vite@8.4.0";
const PORT = 5173;
/** For a step, milliseconds: the machine is emulated, and other tests run beside this one. */
const TIMEOUT_MS = 120_000;
const run = promisify(execFile);

/** The application, as `npm create vite` lays it out. */
const FILES: Record<string, string> = {
  "index.html": `<!doctype html>
<h1></h1><p></p>
<script type="module" src="/src/main.js"></script>`,
  "src/main.js": `import "./style.css";
import { greeting } from "./greeting.js";
document.querySelector("h1").textContent = greeting;
document.querySelector("p").textContent = "loaded at " + performance.timeOrigin;
import.meta.hot.accept("./greeting.js", (changed) => {
  document.querySelector("h1").textContent = changed.greeting;
});`,
  "src/greeting.js": `export const greeting = "one";`,
  "src/style.css": "h1 { color: rgb(255, 0, 0); }",
};

describe("Vite behind a door", {
  skip: !existsSync(CHROMIUM) && "there is no Chromium",
  timeout: 4 * TIMEOUT_MS,
}, () => {
  let server: TestServer;
  let sandbox: Sandbox;
  let browser: Browser;
  let page: Page;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "sandkeep-vite-"));
    const packages = await cached("vite", { VITE }, async (folder) => {
      await writeFile(join(folder, "package.json"), "{}");
      await run("npm", ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", VITE]);
    });
    const archive = join(dir, "packages.tar");
    await run("tar", ["--create", "--file", archive, "--exclude=*.map", "-C", packages, "node_modules"]);
    server = await TestServer.start();
    sandbox = await Sandbox.create({ ...server.ready, timeout: "10m" });
    await sandbox.fs.upload(archive, "packages.tar");
    await sandbox.sh`mkdir -p shop/src && tar --extract --file packages.tar --directory shop`;
    for (const [file, text] of Object.entries(FILES)) await sandbox.fs.writeTextFile(`shop/${file}`, text);
    await sandbox.spawn("node", {
      args: ["node_modules/vite/bin/vite.js", "--host", "127.0.0.1", "--port", String(PORT), "--strictPort"],
      cwd: "shop",
      stdout: "null",
      stderr: "null",
    });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
  });
  after(async () => {
    await browser?.close();
    await sandbox?.kill().catch(() => {});
    await server?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const heading = (text: string) => page.locator("h1").filter({ hasText: text }).waitFor();
  const loadedAt = async () => await page.locator("p").textContent();
  const change = (file: string, text: string) => sandbox.fs.writeTextFile(`shop/${file}`, text);

  test("a link opens it, also while the server is still starting", async () => {
    await page.goto(await sandbox.exposeHttp({ port: PORT, auth: "token" }), { waitUntil: "commit" });
    await heading("one");
    assert.equal(new URL(page.url()).search, "");
  });

  test("a changed module is replaced in the page, which stays", async () => {
    const before = await loadedAt();
    await change("src/greeting.js", `export const greeting = "two";`);
    await heading("two");
    assert.equal(await loadedAt(), before);
  });

  test("so is a changed style", async () => {
    const before = await loadedAt();
    await change("src/style.css", "h1 { color: rgb(0, 0, 255); }");
    await page.waitForFunction(`getComputedStyle(document.querySelector("h1")).color === "rgb(0, 0, 255)"`);
    assert.equal(await loadedAt(), before);
  });

  test("a change of the page itself loads it again", async () => {
    await change("index.html", FILES["index.html"]!.replace("<p>", "<h2>new</h2><p>"));
    await page.locator("h2").filter({ hasText: "new" }).waitFor();
    await heading("two");
  });
});
