import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { GuestError } from "@sandkeep/host";
import { openStream } from "../streams/guest-io.ts";
import { misbehavingGuest, prefix } from "../testing/misbehaving-agent.ts";
import { startSandbox } from "../testing/mod.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

const call = (method: string, params: unknown) => sandbox.client.call(method, params);
const failure = async (method: string, params: unknown) => (await sandbox.client.request(method, params)).result?.error;

/** Sends an archive as the content of a directory. */
async function write(path: string, archive: Uint8Array) {
  const { client } = sandbox;
  const contentStreamId = client.startStream();
  for (let from = 0; from < archive.length; from += 64 * 1024)
    client.enqueue(contentStreamId, archive.subarray(from, from + 64 * 1024));
  client.endStream(contentStreamId);
  return (await client.request("sandkeep.writeTree", { path, contentStreamId })).result!;
}

test("a directory that was read can be written elsewhere, and by tar here", async () => {
  await mkdir(`${sandbox.home}/tree/empty`, { recursive: true });
  await writeFile(`${sandbox.home}/tree/file`, "content".repeat(50_000), { mode: 0o755 });
  await symlink("file", `${sandbox.home}/tree/link`);
  const { streamId } = await call("sandkeep.readTree", { path: "tree" });
  const { bytes } = await sandbox.client.ended(streamId);
  assert.deepEqual(await write("copy/of/it", bytes), { ok: { files: 1, bytes: 350_000 } });
  await writeFile(`${sandbox.home}/archive.tar`, bytes);
  await mkdir(`${sandbox.home}/by-tar`);
  const run = promisify(execFile);
  await run("tar", ["--extract", "--file", "archive.tar", "--directory", "by-tar"], { cwd: sandbox.home });
  for (const copy of ["copy/of/it", "by-tar"])
    await run("diff", ["--recursive", "--no-dereference", "tree", copy], { cwd: sandbox.home });
});

test("what cannot be read or written says which file, and in which way", async () => {
  assert.equal((await failure("sandkeep.readTree", { path: "none" }))!.constructorName, "NotFound");
  await writeFile(`${sandbox.home}/plain`, "");
  assert.equal((await failure("sandkeep.readTree", { path: "plain" }))!.code, "ENOTDIR");
  const { error } = await write("/proc/not/here", new Uint8Array(10_240));
  assert.match(error!.message, /Invalid archive/);
  assert.match(
    (await failure("sandkeep.writeTree", { path: "x", contentStreamId: 424242 }))!.message,
    /no stream 424242/,
  );
});

test("an error in the midst of a directory comes as the stream's error and names the file", async () => {
  await mkdir(`${sandbox.home}/shrinking`);
  await writeFile(`${sandbox.home}/shrinking/log`, Buffer.alloc(8 * 1024 * 1024));
  const { client } = sandbox;
  const { streamId } = await call("sandkeep.readTree", { path: "shrinking", window: 1 });
  await client.until(() => client.stream(streamId).bytes.length);
  await truncate(`${sandbox.home}/shrinking/log`, 0);
  await call("sandkeep.streamTaken", { streamId, bytes: 64 * 1024 * 1024 });
  const next = async (): Promise<void> => {
    if (client.stream(streamId).kinds.includes("end")) return;
    await call("sandkeep.streamTaken", { streamId, bytes: 64 * 1024 * 1024 });
    return next();
  };
  await next();
  const { error } = client.stream(streamId).events.find(({ kind }) => kind === "error")!;
  assert.match(error!.message, /became shorter while it was read: readfile 'shrinking\/log'/);
});

test("no more is sent than the client is willing to hold, until it has taken some", async () => {
  await writeFile(`${sandbox.home}/large`, Buffer.alloc(2 * 1024 * 1024, 1));
  const { client } = sandbox;
  const { streamId } = await call("sandkeep.readFileStream", { path: "large", window: 100_000 });
  const stream = client.stream(streamId);
  await client.until(() => stream.bytes.length >= 100_000);
  // A later call has been answered, so everything sent before it has arrived.
  await call("envToObject", {});
  assert.ok(stream.bytes.length < 400_000, String(stream.bytes.length));
  for (let taken = 0; !stream.kinds.includes("end"); ) {
    const bytes = stream.bytes.length - taken;
    taken += bytes;
    await call("sandkeep.streamTaken", { streamId, bytes });
  }
  assert.equal(stream.bytes.length, 2 * 1024 * 1024);
  assert.equal(await call("sandkeep.streamTaken", { streamId: 1, bytes: 1 }), null);
});

test("cancelling while the client holds all it wants lets go of the guest", async () => {
  const { client } = sandbox;
  const { streamId } = await call("sandkeep.readFileStream", { path: "large", window: 1 });
  await client.until(() => client.stream(streamId).bytes.length);
  client.notify("$sandbox.stream.cancel", { streamId });
  assert.equal(await call("readTextFile", { path: "plain" }), "");
  assert.ok(!client.stream(streamId).kinds.includes("end"));
});

test("a writing that is aborted, or whose source fails, leaves no half a file", async () => {
  const archive = Buffer.alloc(1024);
  const { client } = sandbox;
  await mkdir(`${sandbox.home}/source`);
  await writeFile(`${sandbox.home}/source/file`, Buffer.alloc(500_000, 7));
  const { streamId } = await call("sandkeep.readTree", { path: "source" });
  const half = (await client.ended(streamId)).bytes.subarray(0, 300_000);
  for (const end of [
    (_: number, abortId: number) => client.call("abort", { abortId }),
    (contentStreamId: number) => client.notify("$sandbox.stream.error", { streamId: contentStreamId, error: "broken" }),
  ]) {
    const contentStreamId = client.startStream();
    const written = client.request("sandkeep.writeTree", { path: "target", contentStreamId, abortId: 77 });
    for (let from = 0; from < half.length; from += 64 * 1024)
      client.enqueue(contentStreamId, half.subarray(from, from + 64 * 1024));
    while (!(await call("readDir", { path: "target" }).catch(() => [])).length);
    await end(contentStreamId, 77);
    assert.ok((await written).result!.error);
    while ((await readdir(`${sandbox.home}/target`)).length);
    await rm(`${sandbox.home}/target`, { recursive: true });
  }
  assert.match((await write("empty", archive)).error!.message, /Invalid archive/);
});

test("whatever the guest says after the head is checked as the head is", async () => {
  const faults: [trailer: string, ends: RegExp, violation: boolean][] = [
    [
      Buffer.from(JSON.stringify({ constructorName: "NotFound", message: "gone: 'x'", code: "ENOENT" })).toString(
        "base64",
      ),
      /gone: 'x'/,
      false,
    ],
    ["not base64 of JSON", /breaks the contract/, true],
    [Buffer.from(JSON.stringify({ message: 1 })).toString("base64"), /breaks the contract/, true],
  ];
  for (const [trailer, expected, violation] of faults) {
    await using misbehaving = await misbehavingGuest((_, stream) => {
      stream.on("wantTrailers", () => stream.sendTrailers({ "sandkeep-fault": trailer }));
      stream.end(Buffer.concat([prefix({ ok: null }), Buffer.from("bytes")]));
    }, true);
    const stream = openStream(misbehaving.guest, "readTree", { path: "x" });
    await stream.head;
    await assert.rejects(
      async () => {
        for await (const _ of stream);
      },
      (error: Error) => expected.test(error.message) && (violation || error instanceof GuestError),
    );
    if (violation) assert.equal((await misbehaving.guest.ended).kind, "garbage");
  }
  assert.equal(await readFile(`${sandbox.home}/plain`, "utf8"), "");
});
