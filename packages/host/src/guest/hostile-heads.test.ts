/** What a hostile guest may answer when the host asks it to listen, and to hand over connections. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { GuestError } from "../contract.ts";
import { agreeableAgent } from "../testing/agreeable-agent.ts";
import { GuestClient } from "./client.ts";
import { MAX_HEAD_BYTES } from "./contract.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-heads-"));
after(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;

async function greeted() {
  const path = join(dir, String(count++));
  const agent = await agreeableAgent(path);
  const guest = await GuestClient.connect(connect(path), 5_000);
  return {
    agent,
    guest,
    [Symbol.dispose]() {
      guest.close();
      agent.close();
    },
  };
}

/** A message as it should be announced, of any bytes. */
function message(bytes: Buffer | string, announced = bytes.length): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(announced);
  return Buffer.concat([length, Buffer.from(bytes)]);
}

const HEADS = {
  "/stream/listen": [
    null,
    [],
    {},
    { listener: 1 },
    { listener: -1, port: 80 },
    { listener: 0.5, port: 80 },
    { listener: "1", port: 80 },
    { listener: 1e300, port: 80 },
    { listener: 1, port: 0 },
    { listener: 1, port: 65_536 },
    { listener: 1, port: 80.5 },
    { listener: 1, port: "80" },
    { listener: 1, port: null },
  ],
  "/stream/accept": [
    null,
    {},
    { host: "127.0.0.1" },
    { host: "127.0.0.1", port: 0 },
    { host: "127.0.0.1", port: -1 },
    { host: "127.0.0.1", port: 1e9 },
    { host: "localhost", port: 1 },
    { host: "127.0.0.1\n", port: 1 },
    { host: "127.0.0.1\0", port: 1 },
    { host: "fe80::1%eth0", port: 1 },
    { host: "\u001b[2J", port: 1 },
    { host: "", port: 1 },
    { host: ["127.0.0.1"], port: 1 },
    { host: { toString: "127.0.0.1" }, port: 1 },
    { host: "1".repeat(10_000), port: 1 },
  ],
};

const RAW: [string, Buffer][] = [
  ["no JSON", message("{")],
  ["no UTF-8", message(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))],
  ["nothing", message("")],
  ["more than a head may have", message("", MAX_HEAD_BYTES + 1)],
  ["a length of four gigabytes", message("", 0xffffffff)],
  ["neither a value nor an error", message(JSON.stringify({ yes: {} }))],
  ["an error without a message", message(JSON.stringify({ error: { constructorName: "Error" } }))],
  [
    "an error of a class without end",
    message(JSON.stringify({ error: { constructorName: "x".repeat(65), message: "" } })),
  ],
  ["JSON that nests without end", message("[".repeat(MAX_HEAD_BYTES - 1))],
];

describe("a guest's head that breaks the contract ends its machine", () => {
  const ask = (guest: GuestClient, path: string) =>
    path === "/stream/listen" ? guest.stream("listen", { port: 0 }) : guest.stream("accept", { listener: 1 });

  for (const [path, heads] of Object.entries(HEADS))
    for (const head of heads)
      test(`${path} ${JSON.stringify(head)?.slice(0, 60)}`, async () => {
        using greeting = await greeted();
        const { agent, guest } = greeting;
        agent.outcomes.set(path, { ok: head });
        await assert.rejects(ask(guest, path).head, { message: /breaks the contract/ });
        assert.equal((await guest.ended).kind, "garbage");
      });

  for (const path of Object.keys(HEADS))
    for (const [what, bytes] of RAW)
      test(`${path} ${what}`, async () => {
        using greeting = await greeted();
        const { agent, guest } = greeting;
        agent.outcomes.set(path, bytes);
        await assert.rejects(ask(guest, path).head, { message: /breaks the contract/ });
        assert.equal((await guest.ended).kind, "garbage");
      });
});

test("a guest that ends a stream within its head, or before it, or resets it, is asked in vain", async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from([0, 0]), message("{}", 10)]) {
    using greeting = await greeted();
    greeting.agent.outcomes.set("/stream/listen", bytes);
    await assert.rejects(greeting.guest.stream("listen", { port: 0 }).head, { message: /before its head/ });
    // The connection is good for other things.
    assert.equal((await greeting.guest.call("stat", { path: "/" })).isDirectory, true);
  }
});

test("a refusal is the guest's right, and what a guest says of it has a limit", async () => {
  using greeting = await greeted();
  const { agent, guest } = greeting;
  agent.outcomes.set("/stream/listen", { error: { constructorName: "AddrInUse", message: "x".repeat(60_000) } });
  await assert.rejects(guest.stream("listen", { port: 80 }).head, (error) => {
    assert.ok(error instanceof GuestError);
    return error.message.length < 10_000;
  });
});
