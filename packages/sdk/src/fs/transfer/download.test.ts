import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { END, encodeEntry } from "../../archive/header.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { PeerServer } from "../../testing/peer.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-download-"));
});
afterEach(() => rm(dir, { recursive: true }));

type Kind = "isFile" | "isDirectory" | "isSymlink";

/** A server whose sandbox lists what it likes. */
function listing(entries: [path: string, kind: Kind][]): Promise<PeerServer> {
  return PeerServer.start({
    realPath: () => "/home/app/out",
    lstat: ({ path }) => ({
      isFile: path !== "/home/app/out",
      isDirectory: path === "/home/app/out",
      mode: 0o100640,
      mtime: 0,
    }),
    walk: (_, peer) => {
      queueMicrotask(() => {
        peer.stream(7, "start");
        for (const [path, kind] of entries) {
          peer.data(
            7,
            JSON.stringify({ path, name: "", isFile: false, isDirectory: false, isSymlink: false, [kind]: true }),
          );
        }
        peer.stream(7, "end");
      });
      return { streamId: 7 };
    },
    readLink: () => "../../../../etc",
    readFile: () => Buffer.from("content").toString("base64"),
  });
}

test("copies directories, files with their permissions, and links", async () => {
  await using server = await listing([
    ["/home/app/out", "isDirectory"],
    ["/home/app/out/deep", "isDirectory"],
    ["/home/app/out/deep/file", "isFile"],
    ["/home/app/out/link", "isSymlink"],
  ]);
  await using sandbox = await Sandbox.create(server.options);
  await sandbox.fs.download("out", dir);
  assert.equal(await readFile(join(dir, "out/deep/file"), "utf8"), "content");
  assert.equal(await readlink(join(dir, "out/link")), "../../../../etc");
});

test("writes nothing outside the directory, whatever the sandbox lists", async () => {
  for (const path of [
    "/home/app/evil",
    "/home/evil",
    "/home/app/out/../../evil",
    "/home/app/out/not-listed/evil",
    "/evil",
  ]) {
    await using server = await listing([
      ["/home/app/out", "isDirectory"],
      [path, "isFile"],
    ]);
    await using sandbox = await Sandbox.create(server.options);
    const target = join(dir, "target");
    await mkdir(target, { recursive: true });
    await sandbox.fs.download("out", target).catch((error) => assert.match(error.message, /not below/));
    assert.deepEqual(await readdir(dir), ["target"], path);
    await rm(target, { recursive: true });
  }
});

/** A server whose sandbox sends such an archive, and does not end it. */
function sending(realPath: string, ...entries: [kind: "directory" | "file", name: string][]): Promise<PeerServer> {
  const archive = Buffer.concat([
    ...entries.map(([kind, name]) =>
      encodeEntry({ kind, name: Buffer.from(name), mode: 0o755, modified: "0", size: 0, target: Buffer.alloc(0) }),
    ),
    END,
  ]);
  return PeerServer.start({
    realPath: () => realPath,
    lstat: () => ({ isFile: false, isDirectory: true, mode: 0o40755, mtime: 0 }),
    "sandkeep.readTree": (_, peer) => {
      queueMicrotask(() => {
        peer.stream(7, "start");
        peer.stream(7, "enqueue", { data: archive.toString("base64") });
      });
      return { streamId: 7 };
    },
  });
}

test("a sandbox that continues after the end of its archive, or after an error, is told to stop", async () => {
  for (const name of ["file", "../evil"]) {
    await using server = await sending("/home/app/out", ["directory", "./"], ["file", name]);
    await using sandbox = await Sandbox.create(server.options);
    const copied = sandbox.fs.download("out", join(dir, "target"));
    await (name === "file" ? copied : assert.rejects(copied, { name: "ArchiveError" }));
    assert.equal((await server.peer.notified("$sandbox.stream.cancel")).streamId, 7);
  }
});

test("a link with the copy's name is not followed, unless the user named it", async () => {
  await mkdir(join(dir, "outside"));
  await mkdir(join(dir, "target"));
  await symlink(join(dir, "outside"), join(dir, "target/out"));
  await using server = await sending("/home/app/out", ["directory", "./"], ["file", "file"]);
  await using sandbox = await Sandbox.create(server.options);
  await assert.rejects(sandbox.fs.download("out", join(dir, "target")), { code: "EEXIST" });
  assert.deepEqual(await readdir(join(dir, "outside")), []);
  await sandbox.fs.download("out", join(dir, "target/out"), { contents: true });
  assert.deepEqual(await readdir(join(dir, "outside")), ["file"]);
});

test("the copy has the requested name, whatever the sandbox says it resolves to", async () => {
  for (const real of ["/home/app/..", "/", "", "/home/.git", "..", "/home/app/."]) {
    await using server = await sending(real, ["directory", "./"], ["file", "evil"]);
    await using sandbox = await Sandbox.create(server.options);
    const target = join(dir, "target");
    for (const [asked, name] of [
      ["out", "out"],
      ["/home/app/out/", "out"],
      ["x/../out//.", "out"],
      [".", "app"],
      ["..", "home"],
    ]) {
      await sandbox.fs.download(asked!, target);
      assert.deepEqual(await readdir(target), [name], `${asked} as ${real}`);
      assert.deepEqual(await readdir(join(target, name!)), ["evil"]);
      await rm(target, { recursive: true });
    }
    assert.deepEqual(await readdir(dir), []);
  }
});

test("the destination may be written in any way", async () => {
  await using server = await listing([
    ["/home/app/out", "isDirectory"],
    ["/home/app/out/file", "isFile"],
  ]);
  await using sandbox = await Sandbox.create(server.options);
  const here = process.cwd();
  process.chdir(dir);
  try {
    for (const path of ["d", "d/", "d//", "./d", "./d/.", "d/../d", ".", "./", `${dir}/`, "new/and/deeper/"]) {
      await sandbox.fs.download("out", path);
      assert.equal(await readFile(join(path, "out/file"), "utf8"), "content", path);
      await rm(join(path, "out"), { recursive: true });
    }
  } finally {
    process.chdir(here);
  }
});

test("does not write through existing links", async () => {
  await mkdir(join(dir, "target/out"), { recursive: true });
  await mkdir(join(dir, "outside"));
  await writeFile(join(dir, "outside/file"), "precious");
  await symlink(join(dir, "outside"), join(dir, "target/out/sub"));
  await symlink(join(dir, "outside/file"), join(dir, "target/out/file"));
  for (const entries of [
    [
      ["/home/app/out/sub", "isDirectory"],
      ["/home/app/out/sub/file", "isFile"],
    ],
    [["/home/app/out/file", "isFile"]],
  ] as [string, Kind][][]) {
    await using server = await listing([["/home/app/out", "isDirectory"], ...entries]);
    await using sandbox = await Sandbox.create(server.options);
    await assert.rejects(() => sandbox.fs.download("out", join(dir, "target")));
    assert.equal(await readFile(join(dir, "outside/file"), "utf8"), "precious");
  }
});
