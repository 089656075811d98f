/** Giving files to a process that may have been taken over: it answers anything, or nothing. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type PassedFile, passFiles } from "./pass-files.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-pass-"));
after(() => rmSync(dir, { recursive: true, force: true }));
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

test("each file is added to its set, whatever events come between", async () => {
  const asked: string[] = [];
  using qemu = await monitor((socket) => {
    socket.write(GREETING + EVENT);
    socket.setEncoding("utf8").on("data", (text: string) => {
      asked.push(...text.trim().split("\n"));
      socket.write(`${EVENT}{"return": {}}\n`);
    });
  });
  await passFiles(qemu.path, wanted);
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
    await assert.rejects(passFiles(qemu.path, wanted), /could not be given files: (QEMU|cannot)/);
  });
}

test("a link in the place of a layer is not followed", async () => {
  using qemu = await monitor(() => assert.fail("nothing is passed"));
  const link = join(dir, "link");
  symlinkSync(file, link);
  await assert.rejects(passFiles(qemu.path, [{ path: link, access: "read and write", set: 1_000 }]), { code: "ELOOP" });
});
