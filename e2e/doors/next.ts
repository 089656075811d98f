/**
 * Next.js's development server in a sandbox, behind a private door: a browser sees changes of files at once. Runs only when SANDKEEP_E2E_NEXT
 * is set, because Next.js has 300 MB, and compiles for minutes on an emulated machine. What is special about it for a door is also in
 * packages/doors/src/http/web-socket.test.ts.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type Browser, chromium, type Page } from "playwright-core";
import { Sandbox } from "sandkeep";
import { cached } from "../compat/packages/cache.ts";
import { TestServer } from "../harness/server.ts";

const CHROMIUM = "/usr/bin/chromium";
const PACKAGES = ["next@16.4.6", "react@19.3.1", "react-dom@19.3.1"];
const PORT = 3000;
/** For a step, milliseconds. */
const TIMEOUT_MS = 420_000;
const run = promisify(execFile);

/** Not a module of this folder, as what looks for imports would think. */
const REACT = JSON.stringify("react");
const counter = (title: string) => `"use client";
import { useState } from ${REACT};
export default function Counter() {
  const [count, setCount] = useState(0);
  return <><h1>${title}</h1><button onClick={() => setCount(count + 1)}>{"clicked " + count}</button></>;
}
`;
const FILES: Record<string, string> = {
  "app/layout.jsx": `export default ({ children }) => <html><body>{children}</body></html>;`,
  "app/page.jsx": `import Counter from "./counter";
export default () => <main><p>from the server: one</p><Counter /></main>;`,
  "app/counter.jsx": counter("one"),
};

const skip = process.env.SANDKEEP_E2E_NEXT ? false : "set SANDKEEP_E2E_NEXT=1 to run it";

describe("Next.js behind a door", { skip, timeout: 3 * TIMEOUT_MS }, () => {
  let server: TestServer;
  let sandbox: Sandbox;
  let browser: Browser;
  let page: Page;
  let dir: string;
  const sockets: string[] = [];
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "sandkeep-next-"));
    const packages = await cached("next", { PACKAGES }, async (folder) => {
      await writeFile(join(folder, "package.json"), "{}");
      await run("npm", ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", ...PACKAGES]);
    });
    const archive = join(dir, "packages.tar");
    // Each of them is larger than all the rest, and not used here.
    const unused = ["*.map", "*/@img", "*linux-x64-musl*"].map((pattern) => `--exclude=${pattern}`);
    await run("tar", ["--create", "--file", archive, ...unused, "-C", packages, "node_modules"]);
    server = await TestServer.start();
    sandbox = await Sandbox.create({ ...server.ready, timeout: "30m", memory: "3GiB" });
    await sandbox.fs.upload(archive, "packages.tar");
    await sandbox.sh`mkdir -p shop/app && tar --extract --file packages.tar --directory shop && rm packages.tar`;
    for (const [file, content] of Object.entries(FILES)) await sandbox.fs.writeTextFile(`shop/${file}`, content);
    await sandbox.spawn("node", {
      args: ["node_modules/next/dist/bin/next", "dev", "--port", String(PORT)],
      cwd: "shop",
      env: { NEXT_TELEMETRY_DISABLED: "1" },
      stdout: "null",
      stderr: "null",
    });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    page.on("websocket", (socket) => sockets.push(new URL(socket.url()).pathname));
  });
  after(async () => {
    await browser?.close();
    await sandbox?.kill().catch(() => {});
    await server?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const heading = (text: string) => page.locator("main h1").filter({ hasText: text }).waitFor();

  test("a link opens it, also while the server is still starting, and its scripts run", async () => {
    const url = await sandbox.exposeHttp({ port: PORT, auth: "token" });
    await page.goto(url, { waitUntil: "commit", timeout: TIMEOUT_MS });
    await heading("one");
    await page.locator("main button").filter({ hasText: "clicked 0" }).waitFor();
    // Once the scripts run, a click counts.
    await page.waitForFunction(
      `(button => { button.click(); return button.textContent !== "clicked 0"; })(document.querySelector("main button"))`,
    );
    assert.ok(
      sockets.some((path) => path.startsWith("/_next/")),
      sockets.join(),
    );
  });

  test("a changed component is replaced in the page, and keeps its state", async () => {
    // The first change may load the page again, if the server is still busy with it.
    await sandbox.fs.writeTextFile("shop/app/counter.jsx", counter("two"));
    await heading("two");
    await page.locator("main button").click();
    const before = await page.locator("main button").textContent();
    assert.notEqual(before, "clicked 0");
    await sandbox.fs.writeTextFile("shop/app/counter.jsx", counter("four"));
    await heading("four");
    assert.equal(await page.locator("main button").textContent(), before);
  });

  test("so is what the server renders", async () => {
    const before = await page.locator("main button").textContent();
    await sandbox.fs.writeTextFile("shop/app/page.jsx", FILES["app/page.jsx"]!.replace("one", "three"));
    await page.locator("main p").filter({ hasText: "from the server: three" }).waitFor();
    assert.equal(await page.locator("main button").textContent(), before);
  });
});
