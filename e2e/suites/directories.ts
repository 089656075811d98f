import assert from "node:assert/strict";
import { test } from "node:test";
import type { DirEntry } from "sandkeep";
import { failsWith } from "../harness/errors.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** Directories, links, permissions, owners and times. */
export default function directories(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);

  test("makes directories, with parents and permissions as asked", async () => {
    const { fs } = sandbox();
    await fs.mkdir("one");
    await failsWith(sdk, "EEXIST", "AlreadyExists", fs.mkdir("one"));
    await failsWith(sdk, "ENOENT", "NotFound", fs.mkdir("absent/two"));
    await fs.mkdir("a/b/c", { recursive: true });
    await fs.mkdir("a/b/c", { recursive: true });
    await fs.mkdir("secret", { mode: 0o700 });
    assert.equal((await fs.stat("secret")).mode & 0o777, 0o700);
  });

  test("lists files, directories and links, also hidden ones", async () => {
    const { fs } = sandbox();
    await fs.mkdir("list/dir", { recursive: true });
    await fs.writeTextFile("list/.hidden file", "");
    await fs.symlink("nowhere", "list/link");
    const entries: DirEntry[] = [];
    for await (const entry of fs.readDir("list")) entries.push(entry);
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(entries, [
      { name: ".hidden file", isFile: true, isDirectory: false, isSymlink: false },
      { name: "dir", isFile: false, isDirectory: true, isSymlink: false },
      { name: "link", isFile: false, isDirectory: false, isSymlink: true },
    ]);
    await failsWith(sdk, "ENOENT", "NotFound", Array.fromAsync(fs.readDir("absent")));
    await failsWith(sdk, "ENOTDIR", "NotADirectory", Array.fromAsync(fs.readDir("list/.hidden file")));
  });

  test("tells what is known about files", async () => {
    const { fs } = sandbox();
    const before = Date.now();
    await fs.writeTextFile("info", "12345", { mode: 0o640 });
    const info = await fs.stat("info");
    assert.deepEqual(
      [info.isFile, info.isDirectory, info.isSymlink, info.size, info.mode & 0o777, info.nlink],
      [true, false, false, 5, 0o640, 1],
    );
    assert.deepEqual([info.isBlockDevice, info.isCharDevice, info.isFifo, info.isSocket], [false, false, false, false]);
    for (const key of ["dev", "ino", "uid", "gid", "rdev", "blksize", "blocks"] as const)
      assert.equal(typeof info[key], "number", key);
    for (const key of ["mtime", "atime", "birthtime", "ctime"] as const) {
      assert.ok(info[key] instanceof Date, key);
      // The sandbox's clock matches the host's to within a few seconds.
      assert.ok(Math.abs(info[key].getTime() - before) < 10_000, `${key} ${info[key].toISOString()}`);
    }
    assert.ok((await fs.stat("/dev/null")).isCharDevice);
    assert.ok((await fs.stat("/")).isDirectory);
  });

  test("makes hard links", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("first name", "shared");
    await fs.link("first name", "second name");
    await fs.writeTextFile("first name", "changed");
    assert.equal(await fs.readTextFile("second name"), "changed");
    const [one, two] = [await fs.stat("first name"), await fs.stat("second name")];
    assert.deepEqual([one.ino, one.nlink], [two.ino, 2]);
    await failsWith(sdk, "EEXIST", "AlreadyExists", fs.link("first name", "second name"));
  });

  test("makes, reads and follows symbolic links", async () => {
    const { fs } = sandbox();
    await fs.mkdir("links/real", { recursive: true });
    await fs.writeTextFile("links/real/file", "behind a link");
    await fs.symlink("real/file", "links/to-file", { type: "file" });
    await fs.symlink("/home/app/links/real", "links/to-dir");
    assert.equal(await fs.readLink("links/to-file"), "real/file");
    assert.equal(await fs.readTextFile("links/to-dir/file"), "behind a link");
    assert.ok((await fs.stat("links/to-file")).isFile);
    assert.ok((await fs.lstat("links/to-file")).isSymlink);
    assert.equal(await fs.realPath("links/../links/to-dir/file"), "/home/app/links/real/file");
    assert.equal(await fs.realPath("."), "/home/app");
    await failsWith(sdk, "ENOENT", "NotFound", fs.realPath("absent"));
    await failsWith(
      sdk,
      "EINVAL",
      "Error",
      fs.readLink("links/real/file").catch((error) => {
        // Deno's class for EINVAL has changed over time; the errno has not.
        throw Object.assign(new Error(error.message), { code: error.code });
      }),
    );
  });

  test("changes permissions and owners", async () => {
    const { fs } = sandbox();
    await fs.writeTextFile("owned", "");
    await fs.chmod("owned", 0o4711);
    assert.equal((await fs.stat("owned")).mode & 0o7777, 0o4711);
    const { uid, gid } = await fs.stat("owned");
    await fs.chown("owned", uid, gid);
    await fs.chown("owned", null, null);
    assert.deepEqual([(await fs.stat("owned")).uid, (await fs.stat("owned")).gid], [uid, gid]);
    await failsWith(sdk, "EPERM", "PermissionDenied", fs.chown("owned", 0, null));
    await failsWith(sdk, "EPERM", "PermissionDenied", fs.chmod("/etc/passwd", 0o777));
  });

  test("sets times", async () => {
    const { fs } = sandbox();
    const [atime, mtime] = [new Date("2001-02-03T04:05:06.789Z"), new Date("2030-01-01T00:00:00Z")];
    await fs.writeTextFile("timed", "");
    await fs.utime("timed", atime, mtime);
    const info = await fs.stat("timed");
    assert.deepEqual([info.atime, info.mtime], [atime, mtime]);
    // The platform's own client treats a number as milliseconds, contrary to its documentation.
    if (!sdk.official) {
      await fs.utime("timed", 981_173_106.5, 0);
      const again = await fs.stat("timed");
      assert.deepEqual([again.atime.getTime(), again.mtime.getTime()], [981_173_106_500, 0]);
    }
  });

  test("keeps the umask that it is given, for files and processes", async () => {
    const { fs } = sandbox();
    const before = await fs.umask();
    assert.equal(await fs.umask(0o077), before);
    await fs.writeTextFile("masked", "");
    assert.equal((await fs.stat("masked")).mode & 0o777, 0o600);
    assert.equal((await sandbox().sh`umask`.text()).trim(), "0077");
    assert.equal(await fs.umask(before), 0o077);
    assert.equal(await fs.umask(), before);
  });
}
