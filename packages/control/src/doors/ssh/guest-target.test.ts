/** A sandbox as the SSH door sees it, with the real agent. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { SshInbound, SshProcess, SshProgram, SshTerminal } from "@sandkeep/doors";
import type { Machine } from "@sandkeep/host";
import { sharedAgent } from "../../testing/agent-binary.ts";
import { ProcessHost } from "../../testing/process-host.ts";
import { GuestTarget } from "./guest-target.ts";

let dir: string;
let host: ProcessHost;
let machine: Machine;
let target: GuestTarget;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-guest-target-"));
  host = new ProcessHost({ dir, agent: (await sharedAgent()).path });
  machine = await host.create({ id: "sbx_test", owner: "cp_test", memoryMiB: 1280, env: { SHARED: "s" }, keep: false });
  target = new GuestTarget(machine.guest);
});
after(async () => {
  await machine.destroy();
  await rm(dir, { recursive: true, force: true });
});

const spawn = (program: SshProgram, options: { env?: Record<string, string>; pty?: SshTerminal } = {}) =>
  target.spawn({ program, env: {}, ...options }, new AbortController().signal);

async function printed(process: SshProcess): Promise<{ stdout: string; stderr: string }> {
  const all = { stdout: "", stderr: "" };
  for await (const { to, bytes } of process.output) all[to] += Buffer.from(bytes).toString();
  return all;
}

test("a command has the sandbox's environment and its own, and looks like one of sshd", async () => {
  const command = "cat; echo $SHARED $OWN $SSH_CONNECTION; echo err >&2; exit 4";
  const process = await spawn({ kind: "exec", command }, { env: { OWN: "o" } });
  process.stdin.end("input\n");
  const { stdout, stderr } = await printed(process);
  assert.equal(stdout, "input\ns o 127.0.0.1 0 127.0.0.1 22\n");
  assert.equal(stderr, "err\n");
  assert.deepEqual({ code: 4, signal: null }, pick(await process.exited));
});

test("a shell is a login shell on a terminal, whose size changes", async () => {
  const process = await spawn({ kind: "shell" }, { pty: { cols: 91, rows: 17, term: "vt220" } });
  process.stdin.write("shopt -q login_shell && echo lo''gin; stty size; echo $TERM; read line; stty size; exit 6\n");
  let output = "";
  for await (const { bytes } of process.output) {
    output += Buffer.from(bytes).toString();
    if (!output.includes("vt220\r\n") || output.includes("17 91\r\nvt220\r\n*")) continue;
    output += "*";
    await process.resize(120, 40);
    process.stdin.write("go\n");
  }
  assert.match(output, /login/);
  assert.match(output, /17 91/);
  assert.match(output, /40 120/);
  assert.equal((await process.exited).code, 6);
});

test("a signal reaches the process and is its end", async () => {
  const process = await spawn({ kind: "exec", command: "echo ready; exec sleep 1000" });
  for await (const _ of process.output) await process.signal("SIGTERM");
  assert.deepEqual(pick(await process.exited), { code: 143, signal: "SIGTERM" });
});

test("a process that is abandoned sees closed pipes, and its terminal hangs up", async () => {
  const piped = await spawn({ kind: "exec", command: "while :; do echo line || exit 9; done" });
  for await (const _ of piped.output) break;
  await piped.abandon();
  // bash is killed by SIGPIPE, unless it has seen the error.
  assert.ok([9, 141].includes((await piped.exited).code));
  const shell = await spawn({ kind: "shell" }, { pty: { cols: 80, rows: 24, term: "xterm" } });
  for await (const _ of shell.output) break;
  await shell.abandon();
  assert.equal((await shell.exited).signal, "SIGHUP");
});

test("connections are made from inside, and refused by the kernel there", async () => {
  const listener = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const { signal } = new AbortController();
  assert.equal(await text(await target.dial({ host: "localhost", port }, signal)), "hello");
  listener.close();
  await once(listener, "close");
  await assert.rejects(target.dial({ host: "127.0.0.1", port }, signal), /Connection refused/);
});

test("connections are taken inside, several at once, until nobody wants them any more", async () => {
  const ended = new AbortController();
  const taken: SshInbound[] = [];
  const { port, closed } = await target.listen(0, async (connection) => void taken.push(connection), ended.signal);
  const clients = [1, 2, 3].map((n) => {
    const socket = connect(port, "127.0.0.1");
    socket.write(`from ${n}`);
    return socket;
  });
  const answers = Promise.all(clients.map((socket) => text(socket)));
  while (taken.length < 3) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(taken.every(({ origin }) => origin.host === "127.0.0.1" && origin.port > 0));
  // Those that are open stay so when nobody listens any more.
  ended.abort();
  await closed;
  for (const { stream } of taken) {
    const [bytes] = (await once(stream, "data")) as [Buffer];
    stream.end(`to ${String(bytes)}`);
  }
  assert.deepEqual((await answers).toSorted(), ["to from 1", "to from 2", "to from 3"]);
  await assert.rejects(
    (async () => {
      for (;;) {
        const socket = connect(port, "127.0.0.1");
        await once(socket, "connect");
        socket.destroy();
      }
    })(),
    /ECONNREFUSED/,
  );
  await assert.rejects(
    target.listen(-1, async () => {}, new AbortController().signal),
    /Invalid port/,
  );
});

function pick({ code, signal }: { code: number; signal: string | null }) {
  return { code, signal };
}
