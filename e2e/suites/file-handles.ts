import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, testBytes } from "../harness/bytes.ts";
import { failsWith } from "../harness/errors.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** Open files: `FsFile`. */
export default function fileHandles(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);
  const { SeekMode } = sdk.module;

  async function readAll(path: string): Promise<string> {
    return await sandbox().fs.readTextFile(path);
  }

  test("reads from its position, to the end", async () => {
    await sandbox().fs.writeTextFile("read", "0123456789");
    await using file = await sandbox().fs.open("read");
    const buffer = new Uint8Array(4);
    assert.equal(await file.read(buffer), 4);
    assert.equal(decode(buffer), "0123");
    assert.equal(await file.read(buffer), 4);
    assert.equal(await file.read(buffer), 2);
    assert.equal(decode(buffer.subarray(0, 2)), "89");
    assert.equal(await file.read(buffer), null);
  });

  test("creates a file that can be read and written, and empties one that exists", async () => {
    await sandbox().fs.writeTextFile("created", "old content");
    await using file = await sandbox().fs.create("created");
    assert.equal(await file.write(encode("new")), 3);
    await file.seek(0, SeekMode.Start);
    const buffer = new Uint8Array(10);
    assert.equal(await file.read(buffer), 3);
    assert.equal(await readAll("created"), "new");
  });

  test("opens as the options say", async () => {
    const { fs } = sandbox();
    await failsWith(sdk, "ENOENT", "NotFound", fs.open("opened"));
    await failsWith(sdk, "ENOENT", "NotFound", fs.open("opened", { write: true }));
    {
      await using file = await fs.open("opened", { write: true, create: true, mode: 0o600 });
      await file.write(encode("0123456789"));
    }
    assert.equal((await fs.stat("opened")).mode & 0o777, 0o600);
    {
      await using file = await fs.open("opened", { write: true });
      await file.write(encode("ab"));
    }
    assert.equal(await readAll("opened"), "ab23456789");
    {
      await using file = await fs.open("opened", { append: true });
      await file.write(encode("!"));
    }
    assert.equal(await readAll("opened"), "ab23456789!");
    {
      await using file = await fs.open("opened", { read: true, write: true, truncate: true });
      assert.equal(await file.read(new Uint8Array(1)), null);
    }
    await failsWith(sdk, "EEXIST", "AlreadyExists", fs.open("opened", { write: true, createNew: true }));
    await using file = await fs.open("opened-new", { write: true, createNew: true });
    assert.ok((await file.stat()).isFile);
  });

  test("does not write through a handle that is for reading, nor read through one for writing", async () => {
    await sandbox().fs.writeTextFile("oneway", "x");
    await using reading = await sandbox().fs.open("oneway");
    await failsWith(sdk, "EBADF", "BadResource", reading.write(encode("y")).catch(normalized));
    await using writing = await sandbox().fs.open("oneway", { write: true, read: false });
    await failsWith(sdk, "EBADF", "BadResource", writing.read(new Uint8Array(1)).catch(normalized));
  });

  test("seeks from the start, from where it is, and from the end", async () => {
    await sandbox().fs.writeTextFile("seek", "0123456789");
    await using file = await sandbox().fs.open("seek");
    assert.equal(await file.seek(2, SeekMode.Start), 2);
    assert.equal(await file.seek(3, SeekMode.Current), 5);
    assert.equal(await file.seek(-1, SeekMode.Current), 4);
    assert.equal(await file.seek(-3, SeekMode.End), 7);
    const buffer = new Uint8Array(10);
    assert.equal(await file.read(buffer), 3);
    assert.equal(decode(buffer.subarray(0, 3)), "789");
    assert.equal(await file.seek(100, SeekMode.Start), 100);
    assert.equal(await file.read(buffer), null);
    assert.equal(await file.seek(1n, SeekMode.Start), 1);
    await failsWith(sdk, "EINVAL", "InvalidData", file.seek(-1, SeekMode.Start).catch(normalized));
  });

  test("truncates and extends through a handle", async () => {
    await sandbox().fs.writeTextFile("cut", "0123456789");
    await using file = await sandbox().fs.open("cut", { write: true });
    await file.truncate(3);
    assert.equal(await readAll("cut"), "012");
    await file.truncate(5);
    assert.equal(await readAll("cut"), "012\0\0");
    await file.truncate();
    assert.equal(await readAll("cut"), "");
  });

  test("syncs, tells metadata and sets times", async () => {
    await using file = await sandbox().fs.create("meta");
    await file.write(encode("abc"));
    await file.sync();
    await file.syncData();
    const time = new Date("2020-05-17T10:20:30.400Z");
    await file.utime(time, time);
    const info = await file.stat();
    assert.deepEqual([info.size, info.isFile, info.mtime, info.atime], [3, true, time, time]);
  });

  test("locks against other processes, exclusively or shared", async () => {
    await using file = await sandbox().fs.create("lock");
    const taken = async (...flags: string[]) =>
      !(await sandbox().sh`flock --nonblock ${flags} lock true`.noThrow()).status.success;
    await file.lock(true);
    assert.deepEqual([await taken("--exclusive"), await taken("--shared")], [true, true]);
    await file.unlock();
    assert.equal(await taken("--exclusive"), false);
    await file.lock();
    assert.deepEqual([await taken("--exclusive"), await taken("--shared")], [true, false]);
    await file.unlock();
  });

  test("waits for a lock until it is free", async () => {
    await using first = await sandbox().fs.create("contended");
    await using second = await sandbox().fs.open("contended", { write: true });
    await first.lock(true);
    let locked = false;
    const waiting = second.lock(true).then(() => (locked = true));
    await first.stat();
    assert.equal(locked, false);
    await first.unlock();
    await waiting;
    await second.unlock();
  });

  test("streams what follows, and writes what a stream gives", async () => {
    const data = testBytes(700_001);
    {
      await using file = await sandbox().fs.create("streamed");
      const writer = file.writable.getWriter();
      for (let at = 0; at < data.length; at += 100_000) await writer.write(data.slice(at, at + 100_000));
      await writer.close();
    }
    await using file = await sandbox().fs.open("streamed");
    await file.seek(1, SeekMode.Start);
    const read = new Uint8Array(await new Response(file.readable).arrayBuffer());
    assert.deepEqual(read, data.slice(1));
  });

  test("can be closed once and again, and is of no use then", async () => {
    const file = await sandbox().fs.create("closed");
    await file.close();
    await file.close();
    await assert.rejects(() => file.read(new Uint8Array(1)), Error);
    const other = await sandbox().fs.open("closed");
    await other[Symbol.asyncDispose]();
    await assert.rejects(() => other.stat(), Error);
  });

  test("cannot be constructed", () => {
    assert.throws(() => new sdk.module.FsFile(Symbol(), undefined as never, 0), TypeError);
  });

  /** For errnos whose class depends on Deno's version, only the errno is checked. */
  function normalized(error: Error & { code?: string }): never {
    const className = error.code === "EBADF" ? "BadResource" : "InvalidData";
    const Class = { [className]: class extends Error {} }[className] as typeof Error;
    throw Object.assign(new Class(error.message), { code: error.code });
  }
}
