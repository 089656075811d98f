/** The page's way to the shell, with the page's own code: connections that break while much is on its way in both directions. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { WebSocket } from "ws";
import { TestTerminals } from "./testing/test-terminals.ts";

const KiB = 1024;
const TIMEOUT_MS = 60_000;

/** What the page's code needs of a browser. */
async function browser(server: TestTerminals) {
  const sockets = new Set<WebSocket>();
  class PageSocket extends WebSocket {
    constructor(url: URL) {
      super(url, { origin: `http://${server.host}` });
      sockets.add(this);
      this.on("error", () => {});
    }
  }
  Object.assign(globalThis, {
    WebSocket: PageSocket,
    addEventListener: () => {},
    document: { addEventListener: () => {} },
  });
  const { Link } = await import(new URL("./page/link.js", import.meta.url).href);
  return {
    Link,
    /** Breaks the connection. */
    cut: () => {
      for (const socket of sockets) socket.terminate();
      sockets.clear();
    },
  };
}

/** A page that shows what it gets at once. */
class Page extends EventEmitter {
  output = "";
  secret: string | null = null;
  resets = 0;
  replayed = "";
  // biome-ignore lint/suspicious/noExplicitAny: the page's code has no types
  readonly link: any;

  // biome-ignore lint/suspicious/noExplicitAny: see above
  constructor(Link: any, server: TestTerminals, how: { token: string } | { secret: string }) {
    super();
    this.link = new Link(new URL(`ws://${server.host}/terminal/socket`), {
      ...how,
      size: { cols: 80, rows: 24 },
      handlers: {
        opened: (_sandbox: string, secret: string) => {
          this.secret = secret;
          this.emit("opened");
        },
        resumed: () => this.emit("resumed"),
        reset: () => this.resets++,
        lost: () => this.emit("lost"),
        exit: () => {},
        over: (code: number) => this.emit("over", code),
        print: (bytes: Uint8Array, isReplay: boolean, drawn: () => void) => {
          const text = Buffer.from(bytes).toString("latin1");
          this.output += text;
          if (isReplay) this.replayed += text;
          setImmediate(drawn);
          this.emit("print");
        },
      },
    });
  }

  async shows(text: string): Promise<void> {
    while (!this.output.includes(text)) await once(this, "print");
  }
}

describe("a page's link", { timeout: TIMEOUT_MS }, () => {
  test("loses and doubles nothing when the connection breaks again and again", async () => {
    await using server = await TestTerminals.start();
    const { Link, cut } = await browser(server);
    const page = new Page(Link, server, { token: server.invite() });
    await once(page, "opened");
    // Input beyond all windows, and at the same time output, but less than is kept.
    const text = randomBytes(300 * KiB).toString("hex");
    page.link.type(
      `stty raw -echo; echo re''ady; for n in {0..9}; do until [ -e go$n ]; do sleep 0.02; done; seq $((n*2000+1)) $((n*2000+2000)); done & sum=$(head -c ${text.length} | sha256sum); wait; echo; echo sum=$sum\r`,
    );
    await page.shows("ready");
    // In each round there is a break, and only then comes the next round.
    let breaks = 0;
    const next = () => writeFileSync(join(server.directory, `go${breaks}`), "");
    page.on("print", () => {
      if (!page.output.includes(`\n${breaks * 2_000 + 100}`)) return;
      breaks++;
      cut();
    });
    page.on("resumed", next);
    next();
    for (let at = 0; at < text.length; at += 10_000) assert.equal(page.link.type(text.slice(at, at + 10_000)), true);
    await page.shows("\nsum=");
    assert.ok(page.output.includes(createHash("sha256").update(text).digest("hex")));
    const lines = page.output.match(/^\d+(?=\r?$)/gm) ?? [];
    const wrong = lines.findIndex((line, at) => line !== String(at + 1));
    assert.equal(wrong, -1, `${lines[wrong - 1]}, then ${lines[wrong]}`);
    assert.equal(lines.length, 20_000);
    assert.equal(breaks, 10);
    assert.equal(page.resets, 0);
    const over = once(page, "over");
    server.close({ code: 4003, reason: "The sandbox has ended." });
    await over;
  });

  test("tells what a page that was loaded again has seen before from what is new", async () => {
    await using server = await TestTerminals.start();
    const { Link } = await browser(server);
    const first = new Page(Link, server, { token: server.invite() });
    await once(first, "opened");
    first.link.type("echo o''ld\r");
    await first.shows("old\r\n");
    // There is a connection: somebody has clicked twice.
    first.link.connect();
    first.link.type("echo ol''der\r");
    await first.shows("older\r\n");
    const second = new Page(Link, server, { secret: first.secret! });
    await once(second, "resumed");
    second.link.type("echo ne''w\r");
    await second.shows("new\r\n");
    assert.ok(second.replayed.includes("old\r\n"));
    assert.ok(!second.replayed.includes("new\r\n"));
    const over = once(second, "over");
    server.close({ code: 4003, reason: "The sandbox has ended." });
    await over;
  });

  test("takes no more than it can keep, and gives up when there is no shell", async () => {
    await using server = await TestTerminals.start();
    const { Link } = await browser(server);
    const page = new Page(Link, server, { secret: "unknown" });
    assert.equal(page.link.type("x".repeat(3 * KiB * KiB)), true);
    assert.equal(page.link.type("x".repeat(3 * KiB * KiB)), false);
    const [code] = await once(page, "over");
    assert.equal(code, 4002);
  });
});
