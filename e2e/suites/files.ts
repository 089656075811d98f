import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { decode, encode, testBytes } from "../harness/bytes.ts";
import { failsWith } from "../harness/errors.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** Reading, writing, copying and removing files. */
export default function files(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);

  test("writes and reads bytes, also none and all values", async () => {
    const { fs } = sandbox();
    for (const data of [new Uint8Array(), new Uint8Array(256).map((_, index) => index), testBytes(100_003)]) {
      await fs.writeFile("bytes", data);
      assert.deepEqual(await fs.readFile("bytes"), data);
    }
  });

  test("writes and reads text of any script", async () => {
    const { fs } = sandbox();
    const text = "a\0b\r\n\uFEFFä→𝄞 \u2028";
    await fs.writeTextFile("text", text);
    assert.equal(await fs.readTextFile("text"), text);
    assert.equal(decode(await fs.readFile("text")), text);
  });

  test("writes what a stream gives", async () => {
    const { fs } = sandbox();
    const bytes = ReadableStream.from([encode("one "), encode("two")]) as ReadableStream<Uint8Array>;
    await fs.writeFile("stream", bytes);
    assert.equal(await fs.readTextFile("stream"), "one two");
    await fs.writeTextFile("stream", ReadableStream.from(["drei ", "vier ä"]) as ReadableStream<string>);
    assert.equal(await fs.readTextFile("stream"), "drei vier ä");
    await fs.writeFile("stream", new ReadableStream({ start: (controller) => controller.close() }));
    assert.equal((await fs.stat("stream")).size, 0);
  });

  test("takes file URLs for paths", async () => {
    const { fs } = sandbox();
    const url = pathToFileURL("/tmp/with space.txt");
    await fs.writeTextFile(url, "by URL");
    assert.equal(await fs.readTextFile(url), "by URL");
    assert.equal(await fs.readTextFile("/tmp/with space.txt"), "by URL");
  });

  test("replaces, appends, and makes files only as asked", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("options", "long content");
    await fs.writeTextFile("options", "new");
    await fs.writeTextFile("options", "er", { append: true });
    await fs.writeFile("options", encode("!"), { append: true });
    assert.equal(await fs.readTextFile("options"), "newer!");
    await failsWith(sdk, "ENOENT", "NotFound", fs.writeTextFile("absent", "", { create: false }));
    await failsWith(sdk, "EEXIST", "AlreadyExists", fs.writeTextFile("options", "", { createNew: true }));
    await fs.writeFile("fresh", encode("x"), { createNew: true });
    await fs.writeFile("fresh", encode("y"), { create: false });
    assert.equal(await fs.readTextFile("fresh"), "y");
  });

  test("gives a file the permissions asked for, also one that exists", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("mode", "", { mode: 0o600 });
    assert.equal((await fs.stat("mode")).mode & 0o777, 0o600);
    await fs.writeTextFile("mode", "", { mode: 0o755 });
    assert.equal((await fs.stat("mode")).mode & 0o777, 0o755);
  });

  test("copies content and permissions, over a file that exists too", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("from", "content", { mode: 0o750 });
    await fs.writeTextFile("to", "something longer than that");
    await fs.copyFile("from", "to");
    assert.equal(await fs.readTextFile("to"), "content");
    assert.equal((await fs.stat("to")).mode & 0o777, 0o750);
  });

  test("renames files and directories, over a file that exists too", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("old", "moved");
    await fs.writeTextFile("new", "in the way");
    await fs.rename("old", "new");
    assert.equal(await fs.readTextFile("new"), "moved");
    await failsWith(sdk, "ENOENT", "NotFound", fs.stat("old"));
    await fs.mkdir("olddir");
    await fs.rename("olddir", "newdir");
    assert.ok((await fs.stat("newdir")).isDirectory);
  });

  test("removes files, empty directories, and full ones when asked to", async () => {
    const { fs } = sandbox();
    await fs.mkdir("tree/deep", { recursive: true });
    await fs.writeTextFile("tree/deep/file", "");
    await failsWith(sdk, "ENOTEMPTY", "Error", fs.remove("tree"));
    await fs.remove("tree/deep/file");
    await fs.remove("tree/deep");
    await fs.mkdir("tree/other");
    await fs.remove("tree", { recursive: true });
    await failsWith(sdk, "ENOENT", "NotFound", fs.stat("tree"));
    await failsWith(sdk, "ENOENT", "NotFound", fs.remove("tree"));
  });

  test("truncates and extends", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("length", "0123456789");
    await fs.truncate("length", 4);
    assert.equal(await fs.readTextFile("length"), "0123");
    await fs.truncate("length", 6);
    assert.equal(await fs.readTextFile("length"), "0123\0\0");
    await fs.truncate("length");
    assert.equal((await fs.stat("length")).size, 0);
  });

  test("makes temporary files and directories of new names", async () => {
    const { fs } = sandbox();
    const [file, other] = [await fs.makeTempFile(), await fs.makeTempFile()];
    assert.notEqual(file, other);
    assert.match(file, /^\/tmp\/./);
    assert.deepEqual([(await fs.stat(file)).isFile, (await fs.stat(file)).size], [true, 0]);
    const directory = await fs.makeTempDir({ prefix: "pre-", suffix: ".d" });
    assert.match(directory, /^\/tmp\/pre-.+\.d$/);
    assert.ok((await fs.stat(directory)).isDirectory);
    assert.match(
      await fs.makeTempFile({ dir: directory, prefix: "in-", suffix: ".txt" }),
      new RegExp(`^${directory}/in-.+\\.txt$`),
    );
    await failsWith(sdk, "ENOENT", "NotFound", fs.makeTempDir({ dir: "/not/there" }));
  });

  test("fails as the kernel does, with Deno's classes", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("plain", "");
    await failsWith(sdk, "ENOENT", "NotFound", fs.readTextFile("absent"));
    await failsWith(sdk, "ENOENT", "NotFound", fs.readFile("absent"));
    await failsWith(sdk, "EISDIR", "IsADirectory", fs.readTextFile("/home"));
    await failsWith(sdk, "EISDIR", "IsADirectory", fs.writeTextFile("/home/app", ""));
    await failsWith(sdk, "ENOTDIR", "NotADirectory", fs.stat("plain/below"));
    await failsWith(sdk, "EACCES", "PermissionDenied", fs.writeTextFile("/etc/shadow", ""));
    await fs.symlink("loop", "loop");
    await failsWith(sdk, "ELOOP", "FilesystemLoop", fs.readTextFile("loop"));
    await failsWith(sdk, "ENAMETOOLONG", "Error", fs.stat("x".repeat(300)));
  });

  test("refuses paths that no file can have", async () => {
    await assert.rejects(
      () => sandbox().fs.stat("a\0b"),
      (error: Error) => /NUL|nul byte|invalid/i.test(error.message),
    );
    await assert.rejects(() => sandbox().fs.writeTextFile("", ""), Error);
  });

  test("aborts reading and writing", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("kept", "content");
    const { signal } = new AbortController();
    assert.equal(await fs.readTextFile("kept", { signal }), "content");
    assert.equal(decode(await fs.readFile("kept", { signal })), "content");
    await fs.writeTextFile("kept", "other", { signal });
    await fs.writeFile("kept", encode("another"), { signal });

    // A source that never ends: only the abort can end the call.
    const controller = new AbortController();
    const first = Promise.withResolvers<void>();
    const endless = new ReadableStream<Uint8Array>({
      pull(stream) {
        stream.enqueue(encode("more"));
        first.resolve();
        return new Promise((resolve) => setTimeout(resolve, 5));
      },
    });
    const writing = fs.writeFile("endless", endless, { signal: controller.signal });
    await first.promise;
    controller.abort();
    await assert.rejects(() => writing, { name: "AbortError" });
    assert.equal(await fs.readTextFile("kept"), "another");

    // A FIFO without a writer: reading it would wait for ever.
    const pipe = `${await fs.makeTempDir()}/pipe`;
    await sandbox().sh`mkfifo ${pipe}`.stdout("null");
    const reader = new AbortController();
    const reading = fs.readTextFile(pipe, { signal: reader.signal });
    setTimeout(() => reader.abort(), 100);
    await assert.rejects(() => reading, { name: "AbortError" });
  });
}
