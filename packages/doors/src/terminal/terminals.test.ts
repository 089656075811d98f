/** Web terminals with shells of this computer, and pages that do what they should not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import {
  INPUT_WINDOW_BYTES,
  MAX_RETURNS,
  MAX_TERMINALS_PER_ORGANISATION,
  MAX_TERMINALS_PER_SANDBOX,
  OUTPUT_WINDOW_BYTES,
  PIECE_BYTES,
  SCROLLBACK_BYTES,
} from "./limits.ts";
import { type TestPage, TestTerminals } from "./testing/test-terminals.ts";

const SIZE = { cols: 80, rows: 24 };
const TIMEOUT_MS = 60_000;

/** A page that comes back to a shell. */
async function resumed(server: TestTerminals, { secret, received }: Pick<TestPage, "secret" | "received">) {
  const page = await server.page();
  page.secret = secret;
  page.say({ type: "resume", secret, received, ...SIZE });
  return page;
}

const gone = async (page: TestPage) => {
  page.socket.terminate();
  await page.closed;
};

describe("a link", { timeout: TIMEOUT_MS }, () => {
  test("opens a shell, once", async () => {
    await using server = await TestTerminals.start();
    const token = server.invite();
    const pages = await Promise.all([server.page(), server.page()]);
    for (const page of pages) page.say({ type: "open", token, ...SIZE });
    const refused = await Promise.race(pages.map(({ closed }) => closed));
    assert.deepEqual(refused, { code: 4001, reason: "This link has been used already, or has expired." });
    const [open] = pages.filter(({ socket }) => socket.readyState === socket.OPEN);
    await open!.told("opened");
    open!.type("stty size; echo $((6*7))\r");
    await open!.shows(/24 80\r\n42\r\n/);
  });

  test("expires", async () => {
    await using server = await TestTerminals.start({ linkMs: 1 });
    const token = server.invite();
    const page = await server.page();
    // Its timer is the earlier one.
    await new Promise((resolve) => setTimeout(resolve, 5));
    page.say({ type: "open", token, ...SIZE });
    assert.equal((await page.closed).code, 4001);
  });

  test("says why it leads nowhere", async () => {
    await using server = await TestTerminals.start();
    const token = server.invite("sbx_test", "org_test", async () => {
      throw new Error(`The sandbox is gone. ${"ü".repeat(200)}`);
    });
    const page = await server.page();
    page.say({ type: "open", token, ...SIZE });
    const { code, reason } = await page.closed;
    assert.equal(code, 4011);
    assert.match(reason, /^The sandbox is gone\. ü+…$/);
  });

  test("says so shortly, however much the sandbox has to say, and logs little of it", async () => {
    let logged = "";
    const log = { ...silentLogger, warn: (fields: unknown) => void (logged += JSON.stringify(fields)) };
    await using server = await TestTerminals.start({ log });
    const token = server.invite("sbx_test", "org_test", async () => {
      throw new Error("ü".repeat(4 * 1024 * 1024));
    });
    const page = await server.page();
    page.say({ type: "open", token, ...SIZE });
    assert.match((await page.closed).reason, /^ü+…$/);
    assert.ok(logged.includes("üüü") && logged.length < 10_000, String(logged.length));
  });

  test("is still good when the page went before it had its shell", async () => {
    await using server = await TestTerminals.start();
    const entered = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    let attempts = 0;
    const token = server.invite("sbx_test", "org_test", async () => {
      if (++attempts > 1) throw new Error("Asked again.");
      entered.resolve();
      await left.promise;
      throw new Error("Given up.");
    });
    const page = await server.page();
    page.say({ type: "open", token, ...SIZE });
    await entered.promise;
    await gone(page);
    await server.alone();
    left.resolve();
    const again = await server.page();
    again.say({ type: "open", token, ...SIZE });
    assert.deepEqual(await again.closed, { code: 4011, reason: "Asked again." });
  });

  test("counts as the terminal that it may become, for its sandbox and its organisation", async () => {
    await using server = await TestTerminals.start();
    for (let n = 0; n < MAX_TERMINALS_PER_SANDBOX; n++) server.invite("sbx_0");
    assert.throws(() => server.invite("sbx_0"), { code: "TERMINAL_LIMIT", message: /The sandbox has 16/ });
    for (let n = MAX_TERMINALS_PER_SANDBOX; n < MAX_TERMINALS_PER_ORGANISATION; n++) server.invite(`sbx_${n}`);
    assert.throws(() => server.invite("sbx_x"), { code: "TERMINAL_LIMIT", message: /The organisation has 64/ });
    server.invite("sbx_y", "org_other");
  });

  test("gives its place back when it has expired, or its terminal is over", async () => {
    await using server = await TestTerminals.start();
    for (let n = 1; n < MAX_TERMINALS_PER_SANDBOX; n++) server.invite();
    const page = await server.opened();
    assert.throws(() => server.invite(), { code: "TERMINAL_LIMIT" });
    page.type("exit 3\r");
    assert.deepEqual(await page.told("exit"), { type: "exit", code: 3, signal: null });
    assert.deepEqual(await page.closed, { code: 1000, reason: "The shell has ended." });
    await server.alone();
    server.invite();
    assert.equal(server.open, 0);
    assert.deepEqual(
      server.reports.map(({ action }) => action),
      ["open", "close"],
    );
  });
});

describe("output", { timeout: TIMEOUT_MS }, () => {
  test("stops at what the page has not drawn, and goes on when it has", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.isAlive = false;
    page.type("yes | head -c 1000000; echo en''d\r");
    await page.until(() => page.received >= OUTPUT_WINDOW_BYTES);
    // What a resize is answered with comes after all that has been sent before.
    const [before, most] = [page.received, OUTPUT_WINDOW_BYTES + PIECE_BYTES];
    page.socket.ping();
    await once(page.socket, "pong");
    assert.ok(before <= most && page.received <= most, `${page.received} bytes`);
    page.isAlive = true;
    page.drawn();
    await page.shows(/end\r\n/);
    assert.ok(page.received > 1_000_000);
  });

  test("that a page says to have drawn before it was sent ends the page", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.drawn(1_000_000_000);
    assert.equal((await page.closed).code, 4008);
  });
});

describe("input", { timeout: TIMEOUT_MS }, () => {
  test("beyond what the shell has taken ends the page, not the shell", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.type("stty raw -echo; echo re''ady; sleep 1000\r");
    await page.shows(/ready/);
    // More than the terminal, the pipe to it, and the window take.
    for (let n = 0; n < 64; n++) page.type("x".repeat(INPUT_WINDOW_BYTES / 4));
    assert.equal((await page.closed).code, 4008);
    const again = await resumed(server, page);
    await again.told("resumed");
  });

  test("is confirmed as the shell takes it", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.type("stty -echo; cat > taken; echo =$(wc -c < taken)\r");
    const line = `${"y".repeat(1_000)}\r`;
    for (let n = 0; n < 60; n++) page.type(line);
    await page.until(() => page.messages.some((message) => message.type === "taken" && message.bytes >= 48 * 1024));
    page.type("\x04");
    await page.shows(/=60060\r\n/);
  });
});

describe("a page that comes back", { timeout: TIMEOUT_MS }, () => {
  test("has missed nothing", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.type("kept=ye''s; echo before; sleep 0.2; seq 1000; echo $kept\r");
    await page.shows(/before\r\n/);
    await gone(page);
    const again = await resumed(server, page);
    const { from, seen, typed } = await again.told("resumed");
    assert.equal(from, page.received);
    assert.ok(seen >= from);
    assert.ok(typed > 0);
    await again.shows(/yes\r\n/);
    const all = page.output + again.output;
    assert.deepEqual(
      all.match(/^\d+(?=\r$)/gm),
      Array.from({ length: 1_000 }, (_, at) => String(at + 1)),
    );
    assert.deepEqual(
      server.reports.map(({ action }) => action),
      ["open", "return"],
    );
  });

  test("after more than is kept begins with a whole line", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.type("echo here; sleep 0.2; seq -w 100000; echo do''ne > done; read\r");
    await page.shows(/here\r\n/);
    await gone(page);
    let again = await resumed(server, page);
    await again.told("resumed");
    await again.until(() => again.received > 2 * SCROLLBACK_BYTES);
    await gone(again);
    again = await resumed(server, page);
    const { from } = await again.told("resumed");
    assert.ok(from > page.received);
    await again.until(() => again.received > 100);
    assert.match(again.output, /^\d{6}\r\n/);
  });

  test("with a size of its own resizes the terminal", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    await page.shows(/# $|\$ $/);
    await gone(page);
    const again = await server.page();
    again.say({ type: "resume", secret: page.secret, received: 0, cols: 101, rows: 33 });
    await again.told("resumed");
    again.type("until [ \"$(stty size)\" = '33 101' ]; do sleep 0.1; done; echo resi''zed\r");
    await again.shows(/resized\r\n/);
  });

  test("takes the terminal from a page that is still there", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    const other = await resumed(server, page);
    await other.told("resumed");
    assert.deepEqual(await page.closed, { code: 4006, reason: "This terminal was opened elsewhere." });
    other.type("echo sti''ll\r");
    await other.shows(/still\r\n/);
  });

  test("too late finds no shell: it was hung up", async () => {
    await using server = await TestTerminals.start({ detachedMs: 10 });
    const page = await server.opened();
    const [shell] = server.target.processes;
    await gone(page);
    await shell!.abandoned;
    const again = await resumed(server, page);
    assert.deepEqual(await again.closed, { code: 4002, reason: "The shell has ended." });
    await shell!.exited;
  });

  test("after the shell has ended sees the rest, and how it ended", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.type("echo here; sleep 0.2; seq 30000; echo la''st; exit 3\r");
    await page.shows(/here\r\n/);
    await gone(page);
    await server.target.processes[0]!.exited;
    // The first one goes before it has drawn everything.
    const first = await resumed(server, page);
    first.isAlive = false;
    await first.until(() => first.received >= OUTPUT_WINDOW_BYTES);
    await gone(first);
    const second = await resumed(server, page);
    assert.deepEqual(await second.told("exit"), { type: "exit", code: 3, signal: null });
    assert.match(second.output, /30000\r\nlast\r\n/);
    assert.deepEqual(await second.closed, { code: 1000, reason: "The shell has ended." });
    await server.alone();
    assert.equal((await (await resumed(server, page)).closed).code, 4002);
    assert.equal(server.open, 0);
  });

  test("no more leaves nothing behind: neither its ended shell nor its door", async () => {
    const server = await TestTerminals.start();
    const page = await server.opened();
    page.type("echo here; sleep 0.2; exit 3\r");
    await page.shows(/here\r\n/);
    await gone(page);
    await server.target.processes[0]!.exited;
    await server.terminals[Symbol.asyncDispose]();
    assert.equal(server.open, 0);
    await server[Symbol.asyncDispose]();
  });

  test("but draws nothing keeps no place when the shell has ended", async () => {
    await using server = await TestTerminals.start({ detachedMs: 10 });
    const page = await server.opened();
    page.isAlive = false;
    page.type("seq 25000 > all; head -c 135000 all; exit 3\r");
    assert.deepEqual(await page.closed, { code: 1000, reason: "The shell has ended." });
    await server.alone();
    assert.equal(server.open, 0);
  });

  test("again and again must wait", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    let returns = 0;
    let refused: number | null = null;
    while (refused === null) {
      const again = await resumed(server, page);
      const answer = await Promise.race([again.told("resumed"), again.closed]);
      if ("code" in answer) refused = answer.code;
      else returns++;
    }
    assert.equal(refused, 4009);
    assert.ok(returns >= MAX_RETURNS, String(returns));
    assert.equal(server.reports.length, 1 + returns);
  });

  test("without the secret finds no shell", async () => {
    await using server = await TestTerminals.start();
    await server.opened();
    const other = await resumed(server, { secret: "x".repeat(40), received: 0 });
    assert.equal((await other.closed).code, 4002);
  });
});

describe("a page", { timeout: TIMEOUT_MS }, () => {
  for (const [what, data] of [
    ["no JSON", "{"],
    ["bytes", Buffer.from('{"type":"open"}')],
    ["an unknown message", '{"type":"close"}'],
    ["a secret that is too long", JSON.stringify({ type: "resume", secret: "x".repeat(1_000), received: 0, ...SIZE })],
    ["a size that is none", JSON.stringify({ type: "open", token: "x", cols: 1e9, rows: -1 })],
  ] as const)
    test(`that begins with ${what} is sent away`, async () => {
      await using server = await TestTerminals.start();
      const page = await server.page();
      page.socket.send(data);
      assert.equal((await page.closed).code, 4008);
    });

  test("that breaks the protocol later is sent away, and its shell lives on", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.say({ type: "open", token: server.invite(), ...SIZE });
    assert.equal((await page.closed).code, 4008);
    await (await resumed(server, page)).told("resumed");
  });

  test("that sends too large a message is disconnected", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    page.type("x".repeat(INPUT_WINDOW_BYTES + 1));
    assert.equal((await page.closed).code, 1009);
  });

  test("leaves with its sandbox, at once, and its shell is hung up", async () => {
    await using server = await TestTerminals.start();
    const page = await server.opened();
    server.close({ code: 4003, reason: "The sandbox has ended." });
    assert.deepEqual(await page.closed, { code: 4003, reason: "The sandbox has ended." });
    await server.target.processes[0]!.abandoned;
    const again = await resumed(server, page);
    assert.equal((await again.closed).code, 4002);
  });

  test("is told when the server is being stopped, and nothing is left", async () => {
    const server = await TestTerminals.start();
    const page = await server.opened();
    const silent = await server.page();
    const token = server.invite();
    await server.terminals[Symbol.asyncDispose]();
    assert.equal((await page.closed).code, 1012);
    assert.equal((await silent.closed).code, 1012);
    assert.equal(server.open, 0);
    const late = await server.page();
    late.say({ type: "open", token, ...SIZE });
    assert.equal((await late.closed).code, 1012);
    await server[Symbol.asyncDispose]();
  });
});
