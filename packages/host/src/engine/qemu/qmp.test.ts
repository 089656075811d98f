import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Qmp } from "./qmp.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-qmp-"));
const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** What a monitor's socket leads to when QEMU was taken over. */
async function monitor(behaviour: (socket: Socket) => void): Promise<string> {
  const path = join(dir, String(servers.length));
  const server = createServer(behaviour);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

test("a monitor that never answers is given up", async () => {
  await assert.rejects(
    Qmp.connect(await monitor((socket) => socket.resume()), 50),
    /did not answer to qmp_capabilities within 0.05 s/,
  );
});

test("one that falls silent later is given up, with everything that waits for it", async () => {
  const path = await monitor((socket) => socket.once("data", () => socket.write('{"return":{}}\n')));
  const qmp = await Qmp.connect(path, 200);
  const [first, second] = await Promise.allSettled([qmp.execute("stop"), qmp.execute("cont")]);
  assert.equal(first!.status, "rejected");
  assert.equal(second!.status, "rejected");
  await qmp.closed;
});

test("garbage, texts that are no objects and lines without end close the connection", async () => {
  for (const words of ["garbage\n", "null\n", "1\n", '"text"\n', "x".repeat(5 * 1024 * 1024)]) {
    await assert.rejects(
      Qmp.connect(await monitor((socket) => void socket.on("error", () => {}).write(words)), 10_000),
      /QEMU ended/,
    );
  }
});
