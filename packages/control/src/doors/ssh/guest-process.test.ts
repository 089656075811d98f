/** Processes of the SSH door, with an agent that is told what to answer. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import type { SshOutput } from "@sandkeep/doors";
import { encodeFrames, type Guest, GuestFrame, GuestGone } from "@sandkeep/host";
import { GuestProcess } from "./guest-process.ts";

const EXIT = { success: false, code: 129, signal: "SIGHUP", oom: null };

/** An agent with a single process, whose stream the test writes. */
class FakeGuest {
  readonly violations: string[] = [];
  readonly spawned: unknown[] = [];
  readonly stream = Object.assign(
    new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), autoDestroy: true }),
    { head: Promise.resolve({ pid: 7 }) },
  );

  async start(): Promise<GuestProcess> {
    const guest = {
      stream: (_method: string, params: unknown) => {
        this.spawned.push(params);
        return this.stream;
      },
      call: (method: string) => Promise.resolve(method === "processWait" ? EXIT : null),
      violation: (detail: string) => void this.violations.push(detail),
    };
    const params = { program: { kind: "exec", command: "true" }, env: {} } as const;
    return await GuestProcess.start(guest as unknown as Guest, params, new AbortController().signal);
  }

  print(type: number, text: string): void {
    this.stream.push(encodeFrames(type, Buffer.from(text)));
  }
}

async function collect(process: GuestProcess, each: (output: SshOutput) => void = () => {}): Promise<string> {
  let all = "";
  for await (const output of process.output) {
    all += Buffer.from(output.bytes).toString();
    each(output);
  }
  return all;
}

test("a process does not outlive its stream: the agent is told to hang up", async () => {
  const guest = new FakeGuest();
  await guest.start();
  assert.partialDeepStrictEqual(guest.spawned, [{ hangUp: true }]);
});

test("a client that leaves while a program prints is no fault of the guest", async () => {
  const guest = new FakeGuest();
  const process = await guest.start();
  guest.print(GuestFrame.stdout, "first");
  // The stream is closed in the middle of its output, without an error.
  assert.equal(await collect(process, () => process.abandon()), "first");
  assert.deepEqual(guest.violations, []);
  assert.deepEqual(await process.exited, EXIT, "the guest is asked how it ended");
});

test("a stream that breaks is no violation either, but ends the output with its error", async () => {
  const guest = new FakeGuest();
  const process = await guest.start();
  guest.stream.destroy(new GuestGone("The machine has ended."));
  await assert.rejects(collect(process), /The machine has ended/);
  assert.deepEqual(guest.violations, []);
});

for (const [what, type, payload] of [
  ["a frame of an unknown type", 99, "x"],
  ["an exit status that is none", GuestFrame.exit, "{}"],
  ["an exit status that is no JSON", GuestFrame.exit, "{"],
] as const)
  test(`${what} is a violation of the contract, which ends the machine`, async () => {
    const guest = new FakeGuest();
    const process = await guest.start();
    guest.print(type, payload);
    await assert.rejects(collect(process), /broke its contract/);
    assert.equal(guest.violations.length, 1);
  });

test("output that comes in pieces of any size arrives whole, and then how it ended", async () => {
  const guest = new FakeGuest();
  const process = await guest.start();
  const bytes = Buffer.concat([
    encodeFrames(GuestFrame.stdout, Buffer.from("out ")),
    encodeFrames(GuestFrame.stderr, Buffer.from("err")),
    encodeFrames(GuestFrame.exit, Buffer.from(JSON.stringify(EXIT))),
  ]);
  for (const byte of bytes) guest.stream.push(Buffer.from([byte]));
  guest.stream.push(null);
  assert.equal(await collect(process), "out err");
  assert.deepEqual(await process.exited, EXIT);
});
