import assert from "node:assert/strict";
import { chmod, mkdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { rpcMethods } from "@sandkeep/protocol";
import { startSandbox } from "../testing/mod.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
const call = (method: string, params: unknown) => sandbox.client.call(method, params);
const failure = async (method: string, params: unknown) => (await sandbox.client.request(method, params)).result?.error;

test("writeFile and readFile give back the same bytes", async () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256);
  assert.equal(await call("writeFile", { path: "bytes", content: base64(bytes) }), null);
  assert.equal(await call("readFile", { path: "bytes" }), base64(bytes));
});

test("an empty file is read as nothing", async () => {
  await call("writeFile", { path: "empty", content: "" });
  assert.equal(await call("readFile", { path: "empty" }), "");
  assert.equal(await call("readTextFile", { path: "empty" }), "");
});

test("writeFile appends, creates anew only, and sets the mode", async () => {
  await call("writeTextFile", { path: "options", content: "a", options: { mode: 0o600 } });
  await call("writeTextFile", { path: "options", content: "b", options: { append: true, create: null } });
  assert.equal(await readFile(`${sandbox.home}/options`, "utf8"), "ab");
  assert.equal((await stat(`${sandbox.home}/options`)).mode & 0o777, 0o600);
  assert.equal(
    (await failure("writeTextFile", { path: "options", content: "c", options: { createNew: true } }))!.constructorName,
    "AlreadyExists",
  );
  assert.equal(
    (await failure("writeTextFile", { path: "not-there", content: "c", options: { create: false } }))!.constructorName,
    "NotFound",
  );
});

test("readTextFile decodes as Deno does: invalid UTF-8 becomes U+FFFD, a byte order mark stays", async () => {
  await writeFile(`${sandbox.home}/latin1`, Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0xff, 0x62]));
  assert.equal(await call("readTextFile", { path: "latin1" }), "\ufeffa\ufffdb");
});

test("writeFile takes its content from a stream, and answers only at its end", async () => {
  const { client } = sandbox;
  const contentStreamId = client.startStream();
  client.enqueue(contentStreamId, "before ");
  const written = client.request("writeFile", { path: "streamed", contentStreamId });
  client.enqueue(contentStreamId, "");
  await client.call("envToObject");
  assert.ok(!client.messages.some(({ id }) => id === 999));
  let answered = false;
  void written.then(() => (answered = true));
  client.enqueue(contentStreamId, "after");
  await client.call("envToObject");
  assert.equal(answered, false);
  client.endStream(contentStreamId);
  assert.deepEqual((await written).result, { ok: null });
  assert.equal(await readFile(`${sandbox.home}/streamed`, "utf8"), "before after");
});

test("writeFile fails when its stream fails, in either client's form", async () => {
  const { client } = sandbox;
  for (const error of ["broken", { constructorName: "TypeError", message: "broken" }, null]) {
    const contentStreamId = client.startStream();
    client.enqueue(contentStreamId, "part");
    const written = client.request("writeFile", { path: "half", contentStreamId });
    client.notify("$sandbox.stream.error", { streamId: contentStreamId, error });
    const { result } = await written;
    assert.equal(result!.error!.message, error === null ? "The stream failed" : "broken");
  }
});

test("writeFile refuses a stream that is not there, or is taken", async () => {
  assert.match((await failure("writeFile", { path: "x", contentStreamId: 424242 }))!.message, /no stream 424242/);
});

test("a stream whose file cannot be written is cancelled", async () => {
  const { client } = sandbox;
  const contentStreamId = client.startStream();
  const { result } = await client.request("writeFile", { path: "no/such/directory", contentStreamId });
  assert.equal(result!.error!.code, "ENOENT");
  await client.until(() =>
    client.messages.find(
      ({ method, params }) => method === "$sandbox.stream.cancel" && params.streamId === contentStreamId,
    ),
  );
});

test("malformed base64 in a stream fails the write and cancels the stream", async () => {
  const { client } = sandbox;
  const streamId = client.startStream();
  const written = client.request("writeFile", { path: "malformed", contentStreamId: streamId });
  client.notify("$sandbox.stream.enqueue", { streamId, data: "not base64!" });
  assert.match((await written).result!.error!.message, /malformed base64/);
  await client.until(() =>
    client.messages.find(({ method, params }) => method === "$sandbox.stream.cancel" && params.streamId === streamId),
  );
});

test("an aborted read ends with AbortError", async () => {
  const { client } = sandbox;
  // A FIFO without a writer: reading it would take for ever.
  await client.run("mkfifo", ["pipe"]);
  for (const method of ["readFile", "readTextFile", "sandkeep.readFileStream"]) {
    const reading = client.request(method, { path: "pipe", abortId: 7 });
    assert.equal(await call("abort", { abortId: 7 }), null);
    const { error } = (await reading).result!;
    assert.deepEqual(error, {
      constructorName: "DOMException",
      name: "AbortError",
      message: "The signal has been aborted",
    });
  }
});

test("an aborted write ends with AbortError", async () => {
  const { client } = sandbox;
  for (const method of ["writeFile", "writeTextFile"]) {
    const contentStreamId = client.startStream();
    const writing = client.request(method, { path: "aborted", abortId: 8, contentStreamId });
    await call("abort", { abortId: 8 });
    assert.equal((await writing).result!.error!.name, "AbortError");
  }
});

test("aborting what is over, or never was, does nothing", async () => {
  await call("writeTextFile", { path: "done", content: "", abortId: 9 });
  assert.equal(await call("abort", { abortId: 9 }), null);
  assert.equal(await call("abort", { abortId: 12345 }), null);
});

test("directories are made, listed and removed", async () => {
  await call("mkdir", { path: "dir/sub", options: { recursive: true, mode: 0o700 } });
  await call("writeTextFile", { path: "dir/file", content: "" });
  await symlink("file", `${sandbox.home}/dir/link`);
  const entries = await call("readDir", { path: "dir" });
  assert.deepEqual(
    entries.sort((a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name)),
    [
      { name: "file", isFile: true, isDirectory: false, isSymlink: false },
      { name: "link", isFile: false, isDirectory: false, isSymlink: true },
      { name: "sub", isFile: false, isDirectory: true, isSymlink: false },
    ],
  );
  assert.equal((await failure("mkdir", { path: "dir" }))!.constructorName, "AlreadyExists");
  assert.ok(await failure("remove", { path: "dir" }));
  await call("remove", { path: "dir", options: { recursive: true } });
  assert.equal((await failure("readDir", { path: "dir" }))!.constructorName, "NotFound");
});

test("stat and lstat give every field the client insists on", async () => {
  await call("writeTextFile", { path: "info", content: "12345" });
  await symlink("info", `${sandbox.home}/info-link`);
  for (const [method, path, size, isSymlink] of [
    ["stat", "info", 5, false],
    ["stat", "info-link", 5, false],
    ["lstat", "info-link", 4, true],
  ] as const) {
    const info = await call(method, { path });
    assert.ok(rpcMethods.stat.result.safeParse(info).success);
    assert.equal(info.size, size);
    assert.equal(info.isSymlink, isSymlink);
    assert.ok(!Number.isNaN(Date.parse(info.mtime)));
  }
});

test("links, renames, copies, modes, owners and times", async () => {
  const { home } = sandbox;
  await call("writeTextFile", { path: "one", content: "1" });
  await call("link", { target: "one", path: "hard" });
  await call("symlink", { target: "one", path: "soft", options: { type: "file" } });
  assert.equal(await call("readLink", { path: "soft" }), "one");
  assert.equal(await readlink(`${home}/soft`), "one");
  assert.equal(await call("realPath", { path: "soft" }), `${home}/one`);
  await call("copyFile", { fromPath: "one", toPath: "two" });
  await call("rename", { oldPath: "two", newPath: "three" });
  assert.equal(await readFile(`${home}/three`, "utf8"), "1");
  await call("chmod", { path: "three", mode: 0o640 });
  assert.equal((await stat(`${home}/three`)).mode & 0o777, 0o640);
  await call("chown", { path: "three", uid: null, gid: process.getgid!() });
  await call("utime", { path: "three", atime: "2001-02-03T04:05:06.789Z", mtime: 1_000_000_000.5 });
  const { atimeMs, mtimeMs } = await stat(`${home}/three`);
  assert.equal(atimeMs, Date.UTC(2001, 1, 3, 4, 5, 6, 789));
  assert.equal(mtimeMs, 1_000_000_000_500);
  await call("truncate", { name: "three", length: 100 });
  assert.equal((await stat(`${home}/three`)).size, 100);
  await call("truncate", { name: "three", length: null });
  assert.equal((await stat(`${home}/three`)).size, 0);
});

test("temporary files and directories have the asked for place and name", async () => {
  await mkdir(`${sandbox.home}/tmp`);
  const file = await call("makeTempFile", { options: { dir: `${sandbox.home}/tmp`, prefix: "pre-", suffix: ".txt" } });
  assert.match(file, /\/tmp\/pre-.+\.txt$/);
  assert.ok((await stat(file)).isFile());
  const directory = await call("makeTempDir", { options: { dir: `${sandbox.home}/tmp` } });
  assert.ok((await stat(directory)).isDirectory());
});

test("umask gives the mask before", async () => {
  const before = await call("umask", {});
  assert.equal(await call("umask", { mask: 0o077 }), before);
  assert.equal(await call("umask", { mask: before }), 0o077);
});

test("walk filters with JavaScript's regular expressions, flat or nested", async () => {
  const { client, home } = sandbox;
  await mkdir(`${home}/w/skipped`, { recursive: true });
  await Promise.all(["a.ts", "b.js", "skipped/c.ts"].map((name) => writeFile(`${home}/w/${name}`, "")));
  const filters = { includeDirs: false, exts: [".ts"], skip: [{ source: "skip(?=ped)", flags: "i" }] };
  for (const params of [
    { path: "w", ...filters },
    { path: "w", options: filters },
  ]) {
    const { streamId } = await client.call("walk", params);
    const { events } = await client.ended(streamId);
    assert.deepEqual(
      events.flatMap(({ data }) => (data ? [JSON.parse(String(data)).name] : [])),
      ["a.ts"],
    );
  }
});

test("walking what is not there fails", async () => {
  assert.equal((await failure("walk", { path: "nowhere" }))!.constructorName, "NotFound");
});

test("bad paths fail as the kernel fails them, and harm nothing", async () => {
  const { home } = sandbox;
  await symlink("loop-b", `${home}/loop-a`);
  await symlink("loop-a", `${home}/loop-b`);
  await writeFile(`${home}/secret`, "");
  await chmod(`${home}/secret`, 0o000);
  const methods: [string, object][] = [
    ["readFile", {}],
    ["stat", {}],
    ["readTextFile", {}],
    ["readDir", {}],
    ["realPath", {}],
    ["open", {}],
    ["writeTextFile", { content: "" }],
  ];
  for (const [method, rest] of methods) {
    for (const path of ["a\0b", "\0", "loop-a/x", "x".repeat(300), "y/".repeat(5000), "secret/x"]) {
      const error = await failure(method, { path, ...rest });
      assert.ok(error?.constructorName, `${method} ${JSON.stringify(path.slice(0, 20))}`);
    }
  }
  assert.equal(await call("realPath", { path: "../home/./." }), home);
  assert.equal((await failure("stat", { path: "" }))!.code, "ENOENT");
});

test("files that are written are told as events, failures too", async () => {
  await call("writeTextFile", { path: "told", content: "abc" });
  await failure("writeTextFile", { path: "no/where", content: "abc" });
  const told = sandbox.activities.filter(({ kind }) => kind === "file.written");
  assert.deepEqual(
    told.find(({ data }) => "path" in data && data.path === "told"),
    {
      kind: "file.written",
      outcome: "ok",
      data: { path: "told", bytes: 3, method: "writeTextFile" },
    },
  );
  assert.equal(told.at(-1)!.outcome, "failed");
});

test("sandkeep.readFileStream gives the size and then the file", async () => {
  const { client } = sandbox;
  await call("writeFile", { path: "stream-me", content: base64(Buffer.alloc(300_000, 9)) });
  const { size, streamId } = await call("sandkeep.readFileStream", { path: "stream-me" });
  assert.equal(size, 300_000);
  assert.deepEqual((await client.ended(streamId)).bytes, Buffer.alloc(300_000, 9));
  assert.equal((await failure("sandkeep.readFileStream", { path: "nope" }))!.constructorName, "NotFound");
});
