import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { rpcMethods } from "@sandkeep/protocol";
import { startSandbox } from "../testing/mod.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

const call = (method: string, params: unknown) => sandbox.client.call(method, params);
const failure = async (method: string, params: unknown) => (await sandbox.client.request(method, params)).result?.error;
const open = async (path: string, options?: object): Promise<number> =>
  (await call("open", { path, options })).fileHandleId;
const read = async (fileHandleId: number, length: number): Promise<Buffer | null> => {
  const { data } = await call("fileRead", { fileHandleId, length });
  return data === null ? null : Buffer.from(data, "base64");
};

test("a handle reads, writes, seeks and tells the end of the file by null", async () => {
  const { fileHandleId } = await call("create", { path: "handle" });
  assert.deepEqual(await call("fileWrite", { fileHandleId, data: Buffer.from("hello world").toString("base64") }), {
    bytesWritten: 11,
  });
  assert.deepEqual(await call("fileSeek", { fileHandleId, offset: "6", whence: 0 }), { position: 6 });
  assert.equal(String(await read(fileHandleId, 100)), "world");
  assert.equal(await read(fileHandleId, 100), null);
  assert.deepEqual(await call("fileSeek", { fileHandleId, offset: -5, whence: 2 }), { position: 6 });
  assert.equal((await call("fileRead", { fileHandleId, length: 0 })).data, "");
  assert.equal(await call("fileTruncate", { fileHandleId, size: 8 }), null);
  assert.equal(String(await read(fileHandleId, 100)), "wo");
  assert.equal(await call("fileTruncate", { fileHandleId, len: null }), null);
  assert.equal((await call("fileStat", { fileHandleId })).size, 0);
  for (const method of ["fileSync", "fileSyncData", "fileLock", "fileUnlock", "fileClose"])
    assert.equal(await call(method, { fileHandleId }), null, method);
});

test("open reads by default, and otherwise does what is asked", async () => {
  await writeFile(`${sandbox.home}/modes`, "abc");
  const reading = await open("modes");
  assert.equal(String(await read(reading, 3)), "abc");
  assert.ok(await failure("fileWrite", { fileHandleId: reading, data: "YQ==" }));
  const appending = await open("modes", { append: true });
  await call("fileWrite", { fileHandleId: appending, data: "ZA==" });
  assert.ok(await failure("fileRead", { fileHandleId: appending, length: 1 }));
  assert.equal(await readFile(`${sandbox.home}/modes`, "utf8"), "abcd");
  assert.equal(
    (await failure("open", { path: "modes", options: { createNew: true, write: true } }))!.constructorName,
    "AlreadyExists",
  );
});

test("fileStat is as complete as stat, and fileUtime takes dates and seconds", async () => {
  const fileHandleId = await open("modes", { read: true, write: true });
  await call("fileUtime", { fileHandleId, atime: 5, mtime: "2020-01-01T00:00:00.000Z" });
  const info = await call("fileStat", { fileHandleId });
  assert.ok(rpcMethods.fileStat.result.safeParse(info).success);
  assert.equal(Date.parse(info.atime), 5000);
  assert.equal(Date.parse(info.mtime), Date.UTC(2020, 0, 1));
});

test("a closed handle, or another connection's, is a bad resource", async () => {
  const fileHandleId = await open("modes");
  await call("fileClose", { fileHandleId });
  const other = await sandbox.connect();
  const foreign = (await other.call("open", { path: "modes" })).fileHandleId;
  for (const id of [fileHandleId, foreign, 987654]) {
    for (const [method, rest] of [
      ["fileRead", { length: 1 }],
      ["fileWrite", { data: "" }],
      ["fileSeek", { offset: 0, whence: 0 }],
      ["fileStat", {}],
      ["fileClose", {}],
      ["fileLock", {}],
    ] as const) {
      assert.equal((await failure(method, { fileHandleId: id, ...rest }))!.constructorName, "BadResource", method);
    }
  }
});

test("handles are closed with their connection, and a lock goes with them", async () => {
  const other = await sandbox.connect();
  const theirs = (await other.call("open", { path: "modes", options: { read: true, write: true } })).fileHandleId;
  await other.call("fileLock", { fileHandleId: theirs, exclusive: true });
  const mine = await open("modes", { read: true, write: true });
  const waiting = call("fileLock", { fileHandleId: mine, exclusive: true });
  // A waiting lock does not block other operations.
  assert.equal((await call("fileStat", { fileHandleId: mine })).isFile, true);
  await other.close();
  assert.equal(await waiting, null);
  await call("fileClose", { fileHandleId: mine });
});

test("closing a handle gives up its wait for a lock", async () => {
  const first = await open("modes", { read: true, write: true });
  await call("fileLock", { fileHandleId: first, exclusive: true });
  const second = await open("modes", { read: true, write: true });
  const waiting = sandbox.client.request("fileLock", { fileHandleId: second, exclusive: true });
  await call("fileClose", { fileHandleId: second });
  assert.equal((await waiting).result!.error!.name, "AbortError");
  await call("fileClose", { fileHandleId: first });
});

test("more open files than allowed are refused", async () => {
  await using small = await startSandbox({ limits: { handles: 2 } });
  await writeFile(`${small.home}/file`, "");
  for (let count = 0; count < 2; count++) await small.client.call("open", { path: "file" });
  assert.equal((await small.client.request("open", { path: "file" })).result!.error!.code, "EMFILE");
});

test("bytes written through a handle are told when it is closed", async () => {
  const { fileHandleId } = await call("create", { path: "counted" });
  for (let count = 0; count < 3; count++) await call("fileWrite", { fileHandleId, data: "YWFh" });
  await call("fileClose", { fileHandleId });
  assert.deepEqual(sandbox.activities.at(-1), {
    kind: "file.written",
    outcome: "ok",
    data: { path: "counted", bytes: 9, method: "fileWrite" },
  });
});

test("calls on one handle take effect in the order in which they were sent", async () => {
  const { fileHandleId } = await call("create", { path: "ordered" });
  const text = Array.from({ length: 200 }, (_, index) => `${index},`);
  await Promise.all(
    text.map((data) => call("fileWrite", { fileHandleId, data: Buffer.from(data).toString("base64") })),
  );
  assert.equal(await readFile(`${sandbox.home}/ordered`, "utf8"), text.join(""));
});

test("reading ahead cannot be told from reading: random operations give what a plain file gives", async () => {
  const size = 3 * 1024 * 1024;
  const model = randomBytes(size);
  await writeFile(`${sandbox.home}/random`, model);
  const fileHandleId = await open("random", { read: true, write: true });
  let position = 0;
  for (let step = 0; step < 400; step++) {
    switch (randomInt(0, 12)) {
      case 0: {
        const data = randomBytes(randomInt(1, 5000));
        await call("fileWrite", { fileHandleId, data: data.toString("base64") });
        data.copy(model, position);
        position += data.length;
        break;
      }
      case 1: {
        const offset = randomInt(0, size - 10_000);
        position = (await call("fileSeek", { fileHandleId, offset, whence: 0 })).position;
        assert.equal(position, offset);
        break;
      }
      case 2:
        assert.equal((await call("fileSeek", { fileHandleId, offset: 0, whence: 1 })).position, position);
        break;
      case 3: {
        // Another client writes to the file through the API.
        const at = Math.min(position + randomInt(0, 200_000), size - 4);
        await call("spawn", { command: "true", stdout: "null", stderr: "null" });
        const other = await open("random", { write: true });
        await call("fileSeek", { fileHandleId: other, offset: at, whence: 0 });
        const data = randomBytes(4);
        await call("fileWrite", { fileHandleId: other, data: data.toString("base64") });
        data.copy(model, at);
        await call("fileClose", { fileHandleId: other });
        break;
      }
      default: {
        const length = randomInt(0, 3) ? 65_536 : randomInt(1, 100_000);
        const bytes = await read(fileHandleId, length);
        if (bytes === null) {
          assert.ok(position >= size);
          position = (await call("fileSeek", { fileHandleId, offset: 0, whence: 0 })).position;
          break;
        }
        assert.ok(bytes.length > 0 && bytes.length <= length);
        assert.ok(
          bytes.equals(model.subarray(position, position + bytes.length)),
          `step ${step}, position ${position}`,
        );
        position += bytes.length;
      }
    }
    if (position > size - 100_000) position = (await call("fileSeek", { fileHandleId, offset: 0, whence: 0 })).position;
  }
});

test("a sequential reader sees what a process has appended", async () => {
  await writeFile(`${sandbox.home}/log`, Buffer.alloc(1_000_000, 120));
  const fileHandleId = await open("log");
  let length = 0;
  for (let bytes = await read(fileHandleId, 65_536); bytes; bytes = await read(fileHandleId, 65_536))
    length += bytes.length;
  assert.equal(length, 1_000_000);
  await appendFile(`${sandbox.home}/log`, "more");
  assert.equal(String(await read(fileHandleId, 65_536)), "more");
});

test("a pipe is read no further than asked", async () => {
  await sandbox.client.run("mkfifo", ["fifo"]);
  // Opened for both, so that there is a writer before there is a reader.
  const writer = await sandbox.client.call("spawn", {
    command: "bash",
    args: ["-c", "exec 3<>fifo; for i in 1 2 3 4 5 6; do echo $i >&3; done; echo ready; read line"],
    stdinStreamId: sandbox.client.startStream(),
    stdout: "piped",
    stderr: "null",
  });
  const fileHandleId = await open("fifo");
  await sandbox.client.until(() => sandbox.client.stream(writer.stdoutStreamId).text === "ready\n");
  for (let line = 1; line <= 6; line++) assert.equal(String(await read(fileHandleId, 2)), `${line}\n`);
  await call("processKill", { pid: writer.pid });
});
