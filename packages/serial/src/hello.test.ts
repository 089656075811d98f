import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { HELLO_MAGIC, HelloError, NONCE_BYTES, READY_MAGIC, sayHello } from "./hello.ts";

/** A pair of connected sockets; the second is what the agent would hold. */
async function pair(run: (host: Socket, guest: Socket) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "hello-"));
  const path = join(dir, "s");
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => accepted.resolve(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const host = connect(path);
  const guest = await accepted.promise;
  guest.on("error", () => {});
  try {
    await run(host, guest);
  } finally {
    host.destroy();
    guest.destroy();
    server.close();
    await rm(dir, { recursive: true });
  }
}

const helloOf = (guest: Socket) => new Promise<Buffer>((resolve) => guest.once("data", resolve));

describe("the hello", () => {
  test("skips what an earlier connection left and leaves what follows the answer", () =>
    pair(async (host, guest) => {
      guest.write(`stale bytes ${READY_MAGIC}of another time!`);
      const greeted = sayHello(host, 5_000);
      const hello = await helloOf(guest);
      assert.equal(hello.subarray(0, HELLO_MAGIC.length).toString(), HELLO_MAGIC);
      const nonce = hello.subarray(HELLO_MAGIC.length, HELLO_MAGIC.length + NONCE_BYTES);
      guest.write(Buffer.concat([Buffer.from(READY_MAGIC), nonce, Buffer.from("PRI")]));
      await greeted;
      assert.equal(
        String(host.read() ?? (await new Promise((resolve) => host.once("readable", () => resolve(host.read()))))),
        "PRI",
      );
    }));

  test("fails when the port closes before the answer", () =>
    pair(async (host, guest) => {
      const greeted = sayHello(host, 5_000);
      guest.end();
      guest.destroy();
      await assert.rejects(greeted, HelloError);
    }));

  test("fails when the answer does not come in time", () =>
    pair(async (host) => {
      await assert.rejects(sayHello(host, 50), /did not answer within 50 ms/);
    }));

  test("the time counts from when the guest runs", (t) =>
    pair(async (host) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const { promise: running, resolve: runs } = Promise.withResolvers<void>();
      let over = false;
      const greeted = sayHello(host, 50, running);
      greeted.catch(() => (over = true));
      t.mock.timers.tick(1_000);
      await new Promise(setImmediate);
      assert.equal(over, false);
      runs();
      await new Promise(setImmediate);
      t.mock.timers.tick(50);
      await assert.rejects(greeted, /did not answer within 50 ms/);
    }));

  test("fails when the guest only floods", () =>
    pair(async (host, guest) => {
      const flood = () => guest.write(Buffer.alloc(1024 * 1024));
      guest.on("drain", flood);
      const greeted = sayHello(host, 30_000);
      flood();
      await assert.rejects(greeted, /something else/);
    }));
});
