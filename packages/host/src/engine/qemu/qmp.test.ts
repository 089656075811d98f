import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { Qmp } from "./qmp.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-qmp-"));
/** Long, because a computer that runs other tests is slow. */
const PATIENCE_MS = 60_000;
const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** The other end of a monitor's socket after QEMU was taken over. */
async function monitor(behaviour: (socket: Socket) => void): Promise<string> {
  const path = join(dir, String(servers.length));
  const server = createServer(behaviour);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

test("a monitor that never answers is given up", async () => {
  await assert.rejects(
    Qmp.connect(await monitor((socket) => socket.resume()), { timeoutMs: 50 }),
    /did not answer qmp_capabilities within 0.05 s/,
  );
});

test("one that falls silent later is given up, with everything that waits for it", async () => {
  const path = await monitor((socket) => socket.once("data", () => socket.write('{"return":{}}\n')));
  const qmp = await Qmp.connect(path, { timeoutMs: 200 });
  const [first, second] = await Promise.allSettled([qmp.execute("stop"), qmp.execute("cont")]);
  assert.equal(first!.status, "rejected");
  assert.equal(second!.status, "rejected");
  await qmp.closed;
});

test("each of several commands has its time once those before it are answered", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = Promise.withResolvers<void>();
  let answer = () => {};
  const path = await speaker((command, say) => {
    if (command === "last") asked.resolve();
    answer = () => say('{"return": {}}\n');
  });
  const qmp = await Qmp.connect(path, { timeoutMs: PATIENCE_MS });
  const given = ["stop", "cont", "last"].map((command) => qmp.execute(command));
  await asked.promise;
  for (const command of given) {
    context.mock.timers.tick(PATIENCE_MS - 1);
    answer();
    await command;
  }
  const late = assert.rejects(qmp.execute("quit"), /did not answer quit/);
  context.mock.timers.tick(PATIENCE_MS);
  await late;
});

test("after an answer that came too late, commands go to another monitor of the process, unless nobody wants any more", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let connections = 0;
  const late = await speaker(() => {});
  const another = await speaker(
    (command, say) => say(`{"return": ${JSON.stringify(command)}}\n`),
    () => connections++,
  );
  for (const isOver of [false, true]) {
    const qmp = await Qmp.connect(late, { timeoutMs: PATIENCE_MS, another });
    const given = Promise.allSettled([qmp.execute("stop"), qmp.execute("cont")]);
    context.mock.timers.tick(PATIENCE_MS);
    assert.deepEqual(
      (await given).map(({ status }) => status),
      ["rejected", "rejected"],
    );
    if (isOver) qmp.close();
    const answers = await Promise.allSettled([qmp.execute("stop"), qmp.execute("cont")]);
    assert.deepEqual(
      answers.map((answer) => (answer.status === "fulfilled" ? answer.value : "none")),
      isOver ? ["none", "none"] : ["stop", "cont"],
    );
    qmp.close();
  }
  assert.equal(connections, 1);
});

test("garbage, texts that are no objects and lines without end close the connection", async () => {
  for (const words of ["garbage\n", "null\n", "1\n", '"text"\n', "x".repeat(5 * 1024 * 1024)]) {
    await assert.rejects(
      Qmp.connect(await monitor((socket) => void socket.on("error", () => {}).write(words)), { timeoutMs: 10_000 }),
      /QEMU ended/,
    );
  }
});

/** Behaves like QEMU: accepts the negotiation, then answers each command with `answer`. */
function speaker(
  answer: (command: string, say: (text: string) => void, args: unknown) => void,
  connected: () => void = () => {},
) {
  return monitor((socket) => {
    connected();
    const say = (text: string) => void socket.write(text);
    socket.on("error", () => {});
    say('{"QMP": {"version": {}, "capabilities": []}}\n');
    createInterface({ input: socket }).on("line", (line) => {
      const { execute, arguments: args } = JSON.parse(line) as { execute: string; arguments?: unknown };
      if (execute === "qmp_capabilities") say('{"return": {}}\n');
      else answer(execute, say, args);
    });
  });
}

test("each command gets its answer, with what came between left to who waits for it", async () => {
  const path = await speaker((command, say, args) => {
    say('{"event": "STOP", "timestamp": {}}\n');
    say(`{"return": ${JSON.stringify({ command, args })}}\n`);
  });
  const qmp = await Qmp.connect(path);
  const stopped = qmp.waitFor(({ event }) => event === "STOP", PATIENCE_MS);
  const answers = await Promise.all([qmp.execute("stop"), qmp.execute("migrate", { uri: "file:state" })]);
  assert.deepEqual(answers, [{ command: "stop" }, { command: "migrate", args: { uri: "file:state" } }]);
  assert.equal((await stopped).event, "STOP");
  qmp.close();
});

test("who waits for an event gets the first that fits, with its data", async () => {
  const path = await speaker((_command, say) => {
    for (const status of ["active", "completed", "late"])
      say(`{"event": "MIGRATION", "data": {"status": "${status}"}}\n`);
    say('{"return": {}}\n');
  });
  const qmp = await Qmp.connect(path);
  const completed = qmp.waitFor(({ event, data }) => event === "MIGRATION" && data?.status !== "active", PATIENCE_MS);
  await qmp.execute("migrate");
  assert.deepEqual((await completed).data, { status: "completed" });
  qmp.close();
});

test("an event that does not come is given up, and QEMU goes on", async () => {
  const path = await speaker((_command, say) => say('{"event": "STOP"}\n{"return": {}}\n'));
  const qmp = await Qmp.connect(path);
  const migrated = assert.rejects(
    qmp.waitFor(({ event }) => event === "MIGRATION", 50),
    /did not report the end of a command within 0.05 s/,
  );
  await qmp.execute("stop");
  await migrated;
  assert.deepEqual(await qmp.execute("cont"), {});
  qmp.close();
});

test("lines arrive in any pieces", async () => {
  const path = await speaker((_command, say) => {
    for (const character of '{"event": "RESUME"}\n{"return": "whole"}\n') say(character);
  });
  const qmp = await Qmp.connect(path);
  assert.equal(await qmp.execute("cont"), "whole");
  qmp.close();
});

test("a refusal has QEMU's words, and the next command goes on", async () => {
  const path = await speaker((command, say) =>
    say(
      command === "cont"
        ? '{"return": {}}\n'
        : '{"error": {"class": "CommandNotFound", "desc": "The command nonsense has not been found"}}\n',
    ),
  );
  const qmp = await Qmp.connect(path);
  await assert.rejects(qmp.execute("nonsense"), { name: "QmpError", message: /nonsense has not been found/ });
  assert.deepEqual(await qmp.execute("cont"), {});
  qmp.close();
});

test("when QEMU ends, all who wait hear of it, and nothing more is asked of it", async () => {
  const sockets: Socket[] = [];
  const path = await monitor((socket) => {
    sockets.push(socket);
    socket.on("data", (bytes) => {
      if (bytes.includes("qmp_capabilities")) socket.write('{"return": {}}\n');
      else socket.destroy();
    });
  });
  const qmp = await Qmp.connect(path);
  const event = assert.rejects(
    qmp.waitFor(() => true, PATIENCE_MS),
    /QEMU ended/,
  );
  await assert.rejects(qmp.execute("quit"), /QEMU ended/);
  await event;
  await qmp.closed;
  await assert.rejects(qmp.execute("cont"), /QEMU ended/);
});

test("where nobody listens there is no connection", async () => {
  await assert.rejects(Qmp.connect(join(dir, "nobody")), { code: "ENOENT" });
});
