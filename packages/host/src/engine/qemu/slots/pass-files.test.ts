/** Giving files to a process that may have been taken over: it answers anything, or nothing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startTicks } from "@sandkeep/common";
import { FilePasser } from "./file-passer.ts";
import { type PassedFile, passFiles } from "./pass-files.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-pass-"));
const usual = new FilePasser();
after(async () => {
  await usual[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});
let count = 0;
const file = join(dir, "layer");
writeFileSync(file, "layer");

/** A monitor that does with each connection what the test says. */
async function monitor(serve: (socket: Socket) => void) {
  const path = join(dir, `m${count++}`);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const GREETING = '{"QMP": {"version": {}}}\n';
const EVENT = '{"timestamp": {"seconds": 1}, "event": "RESUME"}\n';
const wanted: PassedFile[] = [
  { path: file, access: "read and write", set: 1_000 },
  { path: file, access: "read", set: 1_000 },
];

/** Accepts everything. */
function agree(socket: Socket, asked: string[] = []): void {
  socket.write(GREETING + EVENT);
  socket.setEncoding("utf8").on("data", (text: string) => {
    asked.push(...text.trim().split("\n"));
    socket.write(`${EVENT}{"return": {}}\n`);
  });
}

test("each file is added to its set, whatever events come between", async () => {
  const asked: string[] = [];
  using qemu = await monitor((socket) => agree(socket, asked));
  await passFiles(usual, qemu.path, wanted);
  assert.deepEqual(
    asked.map((line) => JSON.parse(line).execute),
    ["qmp_capabilities", "add-fd", "add-fd"],
  );
});

for (const [what, serve] of [
  ["refuses", (socket) => socket.end(`${GREETING}{"return": {}}\n{"error": {"desc": "no"}}\n`)],
  ["closes the connection", (socket) => socket.end(GREETING)],
  ["answers without end", (socket) => void setInterval(() => socket.write("x".repeat(1 << 16)), 1).unref()],
] as [string, (socket: Socket) => void][]) {
  test(`a monitor that ${what} gets an error, and soon`, async () => {
    using qemu = await monitor(serve);
    await assert.rejects(passFiles(usual, qemu.path, wanted), /could not be given files: (QEMU|cannot)/);
  });
}

test("a link in the place of a layer is not followed", async () => {
  using qemu = await monitor(() => assert.fail("nothing is passed"));
  const link = join(dir, "link");
  symlinkSync(file, link);
  await assert.rejects(passFiles(usual, qemu.path, [{ path: link, access: "read and write", set: 1_000 }]), {
    code: "ELOOP",
  });
});

test("a monitor that says nothing keeps no other machine waiting", async () => {
  const asked = Promise.withResolvers<void>();
  using silent = await monitor(() => asked.resolve());
  using qemu = await monitor((socket) => agree(socket));
  const waiting = passFiles(usual, silent.path, wanted);
  await asked.promise;
  await passFiles(usual, qemu.path, wanted);
  silent[Symbol.dispose]();
  await assert.rejects(waiting, /QEMU does not answer/);
});

test("what a monitor says is never the answer to another order", async () => {
  await using passer = new FilePasser();
  const asked = Promise.withResolvers<Socket>();
  using silent = await monitor((socket) => asked.resolve(socket));
  let other: "pending" | "settled" = "pending";
  // Its number is 1.
  const waiting = passer.pass(silent.path, []).finally(() => (other = "settled"));
  waiting.catch(() => {});
  await asked.promise;
  for (const end of ["\r", "\u2028", "\u0085", "\v", "\f", "\0"]) {
    using forger = await monitor((socket) => socket.end(`${GREETING}x${end}1${end}\n`));
    await assert.rejects(passer.pass(forger.path, []), /QEMU refused: x/);
    assert.equal(other, "pending", JSON.stringify(end));
  }
  agree(await asked.promise);
  await waiting;
});

test("only the file that was meant is given, not what is at its path by then", async () => {
  await using passer = new FilePasser();
  const path = join(dir, "replaced");
  writeFileSync(path, "meant");
  const { dev, ino } = statSync(path, { bigint: true });
  const meant = { set: 1_000, flags: constants.O_RDONLY, path, dev, ino };
  const asked: string[] = [];
  using qemu = await monitor((socket) => agree(socket, asked));
  await passer.pass(qemu.path, [meant]);
  assert.equal(asked.length, 2);
  writeFileSync(`${path}.new`, "another");
  renameSync(`${path}.new`, path);
  await assert.rejects(passer.pass(qemu.path, [meant]), /another file/);
  assert.equal(asked.length, 3);
});

test("a program that could not be started is started again", async () => {
  await using passer = new FilePasser();
  using qemu = await monitor((socket) => agree(socket));
  const { PATH } = process.env;
  process.env.PATH = dir;
  await assert.rejects(passer.pass(qemu.path, []), /has ended/).finally(() => (process.env.PATH = PATH));
  await passer.pass(qemu.path, []);
});

test("a path may have any character", async () => {
  using qemu = await monitor((socket) => agree(socket));
  const odd = join(dir, "a: b%41\n\u00e9");
  renameSync(qemu.path, odd);
  await passFiles(usual, odd, wanted);
});

test("if the program has ended, what it began is finished, and it is started again", async () => {
  await using passer = new FilePasser();
  const asked = Promise.withResolvers<void>();
  using silent = await monitor(() => asked.resolve());
  using qemu = await monitor((socket) => agree(socket));
  const begun = assert.rejects(passer.pass(silent.path, []), /QEMU does not answer/);
  await asked.promise;
  const former = passer.pid!;
  process.kill(former, "SIGKILL");
  while (passer.pid === former) await new Promise((resolve) => setTimeout(resolve, 5));
  await passer.pass(qemu.path, []);
  silent[Symbol.dispose]();
  await begun;
});

test("nobody's program runs any more, also if it was waited for", async () => {
  const passer = new FilePasser();
  using qemu = await monitor((socket) => agree(socket));
  await passer.pass(qemu.path, []);
  const asked = Promise.withResolvers<void>();
  using silent = await monitor(() => asked.resolve());
  const waiting = assert.rejects(passer.pass(silent.path, []));
  await asked.promise;
  const pid = passer.pid!;
  await passer[Symbol.asyncDispose]();
  assert.equal(startTicks(pid), undefined);
  assert.equal(passer.pid, null);
  silent[Symbol.dispose]();
  await waiting;
});

test("the program neither keeps the server's process from ending, nor outlives it", async () => {
  using qemu = await monitor((socket) => agree(socket));
  const module = JSON.stringify(new URL("./file-passer.ts", import.meta.url).href);
  const code = `
    import { FilePasser } from ${module};
    const passer = new FilePasser();
    await passer.pass(${JSON.stringify(qemu.path)}, []);
    console.log(passer.pid);`;
  const flags = process.execArgv.filter((flag) => /^--(conditions|disable-warning)/.test(flag));
  const child = spawn(process.execPath, [...flags, "--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const pid = Number(String((await once(child.stdout, "data"))[0]));
  assert.deepEqual(await ended, [0, null]);
  while (startTicks(pid) !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
});
