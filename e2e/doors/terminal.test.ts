/** The web terminal in a real browser: Chromium, a real server, and a real machine. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { Sandbox } from "sandkeep";
import { until } from "../harness/poll.ts";
import { TestServer } from "../harness/server.ts";
import { CuttableProxy } from "./cuttable-proxy.ts";

const CHROMIUM = "/usr/bin/chromium";
/** For a step, milliseconds: the machine is emulated, and other tests run beside this one. */
const TIMEOUT_MS = 60_000;
const VIEWPORT = { width: 900, height: 480 };
/** Folder for the pictures in docs/doors.md, if they are to be made anew: `docs/pictures`. */
const { SANDKEEP_PICTURES: pictures } = process.env;

describe("a web terminal", { skip: !existsSync(CHROMIUM) && "there is no Chromium", timeout: 5 * TIMEOUT_MS }, () => {
  let server: TestServer;
  let sandbox: Sandbox;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let proxy: CuttableProxy;
  let link: string;
  before(async () => {
    const starting = TestServer.start().then((started) => {
      server = started;
    });
    // Each is there for `after` also if the other one fails.
    const launching = chromium
      .launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] })
      .then((launched) => {
        browser = launched;
      });
    for (const result of await Promise.allSettled([starting, launching]))
      if (result.status === "rejected") throw result.reason;
    sandbox = await Sandbox.create({ ...server.ready, timeout: "10m" });
    context = await browser.newContext({ viewport: VIEWPORT });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    context.setDefaultTimeout(TIMEOUT_MS);
    proxy = await CuttableProxy.start(Number(new URL(server.ready.apiEndpoint).port));
    page = await context.newPage();
    link = await newLink();
    await page.goto(link);
    await state("connected");
    // An empty prompt, whatever a login prints before it.
    await type("PS1='% '; clear");
    await row(/^%\s*$/).waitFor();
  });
  after(async () => {
    await browser?.close();
    await proxy?.[Symbol.asyncDispose]();
    await sandbox?.kill().catch(() => {});
    await server?.[Symbol.asyncDispose]();
  });

  /** A link through the proxy. */
  const newLink = async () => {
    const url = new URL(await sandbox.exposeTerminal());
    url.port = String(proxy.port);
    return url.href;
  };
  const state = async (text: string, where = page) => await where.locator("#state").filter({ hasText: text }).waitFor();
  const row = (text: RegExp, where = page): Locator => where.locator(".xterm-rows > div", { hasText: text }).first();
  /** Types a command line. */
  const type = async (line: string, where = page) => {
    await where.keyboard.type(line);
    await where.keyboard.press("Enter");
  };
  /** A point in the text of a row, which itself takes no clicks. */
  const within = async (text: Locator): Promise<[x: number, y: number]> => {
    const { x, y, height } = (await text.boundingBox())!;
    return [x + 20, y + height / 2];
  };
  const clipboard = async (): Promise<string> => await page.evaluate("navigator.clipboard.readText()");
  const paste = async (text: string) => {
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
    await page.keyboard.press("Control+Shift+V");
  };
  const api = async (method: string, path: string, body?: object): Promise<Response> =>
    await fetch(new URL(path, server.ready.apiEndpoint), {
      method,
      headers: { authorization: `Bearer ${server.ready.token}` },
      ...(body && { body: JSON.stringify(body) }),
    });

  test("takes a login shell's input and shows its output; the token is gone from the address", async () => {
    await type("echo $0 $USER $TERM $COLORTERM ${SSH_CLIENT-none}");
    await row(/^\S*bash app xterm-256color truecolor none$/).waitFor();
    assert.equal(new URL(page.url()).hash, "");
    assert.equal(await page.locator("#sandbox").textContent(), sandbox.id);
  });

  test("a link works once", async () => {
    const second = await context.newPage();
    await second.goto(link);
    await second.locator("#why", { hasText: "This link has been used already, or has expired." }).waitFor();
    await state("no link", second);
    await second.close();
  });

  test("programs see the size of the window, and its changes", async () => {
    await type(`clear; sh -c 'trap "stty size" WINCH; stty size; while :; do sleep 0.1; done'`);
    const rows = page.locator(".xterm-rows > div");
    const before = await rows.count();
    await row(new RegExp(`^${before} \\d+$`)).waitFor();
    for (const { width, height, fits, columns } of [
      { width: 720, height: 360, fits: (count: number) => count < before, columns: "\\d\\d" },
      { width: 1100, height: 560, fits: (count: number) => count > before, columns: "1\\d\\d" },
    ]) {
      await page.setViewportSize({ width, height });
      await until("the program knows as many rows as fit", async () => {
        const shown = await rows.allTextContents();
        const last = shown.map((text) => text.trim()).findLast((text) => /^\d+ \d+$/.test(text));
        return fits(shown.length) && new RegExp(`^${shown.length} ${columns}$`).test(last ?? "");
      });
    }
    await page.keyboard.press("Control+C");
    await page.setViewportSize(VIEWPORT);
    await type("clear");
  });

  test("wide, combined and composed characters take the columns that programs expect", async () => {
    // Asks the terminal where the cursor is after a text.
    await paste(`at() { printf %s "$1"; IFS='[;' read -rsd R -p $'\\e[6n' _ _ col; echo " $col"; }`);
    await page.keyboard.press("Enter");
    for (const [text, column] of [
      ["日本語", 7],
      ["e\u0301x", 3],
      ["👍", 3],
      ["Ж", 2],
    ] as const) {
      await paste(`at ${text}`);
      await page.keyboard.press("Enter");
      await row(new RegExp(`^${text} ${column}$`, "u")).waitFor();
    }
  });

  test("what is pasted comes as such; Ctrl+Shift+C copies, and no program can", async () => {
    // The terminal shows what it is sent until bash, which takes pasted text by itself, is back.
    await type(`clear; printf 'mar\\e[?2004hked\\n'; cat -v`);
    await row(/^marked$/).waitFor();
    // A text cannot say that the paste is over.
    await paste("two\u001b[201~ words");
    await page.keyboard.press("Enter");
    await row(/^\^\[\[200~two\[201~ words\^\[\[201~$/).waitFor();
    await paste("two words");
    await page.keyboard.press("Enter");
    await row(/^\^\[\[200~two words\^\[\[201~$/).waitFor();
    await page.keyboard.press("Control+D");
    await type("clear; echo copy''able; printf '\\e]52;c;c3RvbGVu\\a'");
    const word = row(/^copyable$/);
    await word.waitFor();
    await type("echo af''terwards");
    await row(/^afterwards$/).waitFor();
    assert.equal(await clipboard(), "two words");
    await page.mouse.dblclick(...(await within(word)));
    await page.keyboard.press("Control+Shift+C");
    assert.equal(await clipboard(), "copyable");
  });

  test("Ctrl+C interrupts the program", async () => {
    await type(`clear; sh -c 'trap "echo interrup""ted; exit 3" INT; echo rea""dy; while :; do sleep 0.1; done'`);
    await row(/^ready$/).waitFor();
    await page.keyboard.press("Control+C");
    await row(/interrupted$/).waitFor();
    await type("echo =$?");
    await row(/^=3$/).waitFor();
  });

  test("a click opens a link, and its page does not know from where", async () => {
    const target = new URL("/api/v1/health", server.ready.apiEndpoint).href;
    await type(`clear; echo ${target.replace("health", "hea''lth")}`);
    const shown = row(new RegExp(`^${target}$`));
    await shown.waitFor();
    const point = await within(shown);
    // It may be in this line already, from an earlier test: xterm looks what is in a line when the mouse comes to it.
    await page.mouse.move(point[0], point[1] + 100);
    await page.mouse.move(...point);
    await page.locator("#target", { hasText: target }).waitFor();
    const [opened] = await Promise.all([context.waitForEvent("page"), page.mouse.click(...point)]);
    await opened.waitForLoadState();
    assert.equal(opened.url(), target);
    assert.equal(await opened.evaluate("window.opener"), null);
    await opened.close();
  });

  test("titles are plain text, and the window keeps the sandbox's id", async () => {
    await type(`clear; printf '\\e]2;<b>b\\u202eold</b>\\a'`);
    await page.locator("#title", { hasText: "<b>b old</b>" }).waitFor();
    assert.equal(await page.title(), `<b>b old</b> · ${sandbox.id} · Sandkeep`);
  });

  test("the shell goes on while the connection is cut, and nothing is lost", async () => {
    await type(
      "clear; stty -echo; kept=yes; for n in 1 2 3 4 5 6; do echo n$n; sleep 0.3; done; stty echo; echo $kept",
    );
    await row(/^n1$/).waitFor();
    proxy.cut();
    await state("reconnecting");
    // Typed meanwhile.
    await type("echo mean''while");
    proxy.mend();
    await state("connected");
    await row(/^meanwhile$/).waitFor();
    const lines = (await page.locator(".xterm-rows > div").allTextContents()).map((text) => text.trim());
    assert.deepEqual(
      lines.filter((line) => /^(n\d|yes|meanwhile)$/.test(line)),
      ["n1", "n2", "n3", "n4", "n5", "n6", "yes", "meanwhile"],
    );
  });

  test("the page can be loaded again", async () => {
    await type("clear; again=here; echo no''ted");
    await row(/^noted$/).waitFor();
    await page.reload();
    await state("connected");
    await type("echo still-$again");
    await row(/^still-here$/).waitFor();
  });

  test("it ends with the token that made its link, and so does the shell", async () => {
    const { id, token } = (await (await api("POST", "/api/v1/tokens", { name: "brief" })).json()) as {
      id: string;
      token: string;
    };
    const response = await fetch(new URL(`/api/v1/sandboxes/${sandbox.id}/terminal`, server.ready.apiEndpoint), {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    const { url } = (await response.json()) as { url: string };
    const brief = await context.newPage();
    await brief.goto(url);
    await state("connected", brief);
    await type("trap 'echo hung up > ended; exit' HUP; echo rea''dy", brief);
    await row(/^ready$/, brief).waitFor();
    await api("DELETE", `/api/v1/tokens/${id}`);
    await brief.locator("#why", { hasText: "The access token was revoked." }).waitFor();
    await sandbox.sh`until test -s ended; do sleep 0.1; done`;
    await brief.close();
  });

  test("it looks as in docs/doors.md, also in a narrow window", {
    skip: !pictures && "no pictures are made",
  }, async () => {
    await type("cd; PS1='\\[\\e[32m\\]app@sandbox\\[\\e[0m\\]:\\[\\e[34m\\]\\w\\[\\e[0m\\]\\$ '; clear");
    const lines: [line: string, answer: RegExp][] = [
      ["uname -sr; ls --color /", /^bin/],
      ["printf '\\e]2;a quiet place\\a'; git init -q demo; cd demo", /demo\$\s*$/],
      ["printf 'print(\"καλημέρα\")\\n' > hello.py; git add .; git status --short", /^A {2}hello/],
      ["python3 hello.py; stat -c '%A %s %n' -- *", /^-rw/],
    ];
    for (const [line, answer] of lines) {
      await type(line);
      await row(answer).waitFor();
    }
    await page.screenshot({ path: resolve(pictures!, "terminal.png") });
    await page.setViewportSize({ width: 390, height: 700 });
    await page.screenshot({ path: resolve(pictures!, "terminal-narrow.png") });
    await page.setViewportSize(VIEWPORT);
  });

  test("it says that the sandbox has ended; what happened is among the events", async () => {
    await sandbox.kill();
    await page.locator("#why", { hasText: "The sandbox has ended." }).waitFor();
    await state("sandbox ended");
    if (pictures) await page.screenshot({ path: resolve(pictures, "terminal-ended.png") });
    // The last one comes when the shell is gone.
    const path = `/api/v1/events?sandbox=${sandbox.id}&kind=terminal.opened,terminal.closed&order=oldest-first`;
    let events: { kind: string; actor: { kind: string }; data: { reason?: string } }[] = [];
    await until("four events", async () => {
      events = (await (await api("GET", path)).json()) as typeof events;
      return events.length >= 4;
    });
    assert.deepEqual(
      events.map(({ kind, actor, data }) => [kind, actor.kind, data.reason]),
      [
        ["terminal.opened", "visitor", undefined],
        ["terminal.opened", "visitor", undefined],
        ["terminal.closed", "visitor", "The access token was revoked."],
        ["terminal.closed", "visitor", "The sandbox has ended."],
      ],
    );
  });
});
