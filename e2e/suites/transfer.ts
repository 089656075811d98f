import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { sha256, testBytes } from "../harness/bytes.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";
import ownTransfer from "./own-transfer.ts";

const MiB = 1024 * 1024;

/** Uploads and downloads, and files that are large. */
export default function transfer(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);
  let local: string;
  before(async () => {
    local = await mkdtemp(join(tmpdir(), "sandkeep-e2e-local-"));
  });
  after(() => rm(local, { recursive: true, force: true }));

  test("uploads and downloads a file, by path or URL", async () => {
    const { fs } = sandbox();
    const data = testBytes(200_000);
    await writeFile(join(local, "up.bin"), data);
    await fs.upload(join(local, "up.bin"), "up.bin");
    assert.equal(sha256(await fs.readFile("up.bin")), sha256(data));
    await fs.download("up.bin", join(local, "down.bin"));
    assert.equal(sha256(await readFile(join(local, "down.bin"))), sha256(data));
    await fs.upload(pathToFileURL(join(local, "up.bin")), pathToFileURL("/tmp/by-url.bin"));
    await fs.download(pathToFileURL("/tmp/by-url.bin"), pathToFileURL(join(local, "by-url.bin")));
    assert.equal(sha256(await readFile(join(local, "by-url.bin"))), sha256(data));
  });

  test("uploads a directory into a directory, with empty ones and links", async () => {
    const { fs } = sandbox();
    const project = join(local, "project");
    await mkdir(join(project, "src/deep"), { recursive: true });
    await mkdir(join(project, "empty"));
    await writeFile(join(project, "src/deep/file.txt"), "uploaded");
    await writeFile(join(project, "run.sh"), "#!/bin/sh\necho ran\n");
    await chmod(join(project, "run.sh"), 0o755);
    await symlink("src/deep/file.txt", join(project, "link"));
    await fs.mkdir("target");
    await fs.upload(project, "target");
    assert.equal(await fs.readTextFile("target/project/src/deep/file.txt"), "uploaded");
    assert.ok((await fs.stat("target/project/empty")).isDirectory);
    assert.ok((await fs.lstat("target/project/link")).isSymlink);
    assert.equal(await fs.readTextFile("target/project/link"), "uploaded");
    // The platform's own client does not keep permissions.
    if (!sdk.official) assert.equal(await sandbox().sh`target/project/run.sh`.text(), "ran\n");
  });

  test("downloads a directory into a directory, with empty ones and links", async () => {
    const { fs } = sandbox();
    await fs.mkdir("out/deep/empty", { recursive: true });
    await fs.writeTextFile("out/deep/file.txt", "downloaded");
    await fs.writeTextFile("out/run.sh", "#!/bin/sh\n", { mode: 0o755 });
    await fs.symlink("deep/file.txt", "out/link");
    const into = join(local, "into");
    await mkdir(into);
    await fs.download("out", into);
    assert.equal(await readFile(join(into, "out/deep/file.txt"), "utf8"), "downloaded");
    assert.ok((await stat(join(into, "out/deep/empty"))).isDirectory());
    assert.equal(await readlink(join(into, "out/link")), "deep/file.txt");
    if (!sdk.official) assert.equal((await stat(join(into, "out/run.sh"))).mode & 0o777, 0o755);
  });

  test("a destination may be written in any way", async () => {
    const { fs } = sandbox();
    await fs.mkdir("plain/deep", { recursive: true });
    await fs.writeTextFile("plain/deep/file", "there");
    await mkdir(join(local, "ways/a"), { recursive: true });
    const base = relative(process.cwd(), join(local, "ways"));
    await mkdir(join(base, "up-dir"));
    for (const path of ["a", "a/", "a//", "./a", "./a/.", "a/../a", ".", "./", ""].map((form) => `./${base}/${form}`)) {
      await fs.download("plain", path);
      assert.equal(await readFile(join(path, "plain/deep/file"), "utf8"), "there", path);
      await rm(join(path, "plain"), { recursive: true });
    }
    for (const source of ["plain/", "./plain", "plain//deep/..", "/home/app/plain"]) {
      await fs.download(source, base);
      await rm(join(base, "plain"), { recursive: true });
    }
    for (const [index, form] of ["", "/", "//", "/./", "/."].entries()) {
      await fs.mkdir(`to-${index}`);
      await fs.upload(`./${base}/./up-dir//`, `./to-${index}${form}`);
      assert.ok((await fs.stat(`to-${index}/up-dir`)).isDirectory);
    }
  });

  test("a name that is not UTF-8 stops no download", async () => {
    const { fs } = sandbox();
    await sandbox()
      .sh`mkdir -p bytes && cd bytes && touch plain "$(printf 'a\\377')" && mkdir "$(printf 'd\\376')" && touch "$(printf 'd\\376/in')"`;
    const names = [];
    for await (const { name } of fs.readDir("bytes")) names.push(name);
    assert.deepEqual(names, ["plain"]);
    await mkdir(join(local, "of-bytes"));
    await fs.download("bytes", join(local, "of-bytes"));
    const got = (await readdir(join(local, "of-bytes/bytes"), { encoding: "buffer" }))
      .map((name) => name.toString("latin1"))
      .sort();
    // In our archive names are bytes; the platform's client has only text.
    assert.deepEqual(got, sdk.official ? ["plain"] : ["a\xff", "d\xfe", "plain"]);
  });

  if (!sdk.official) ownTransfer(sandbox, () => local);

  test("fails for what is not there, here or in the sandbox", async () => {
    await assert.rejects(() => sandbox().fs.upload(join(local, "absent"), "x"), Error);
    await assert.rejects(() => sandbox().fs.download("absent", join(local, "x")), { code: "ENOENT" });
    await assert.rejects(() => sandbox().fs.upload(local, "/not/writable"), Error);
  });

  test("moves many small files", async () => {
    const { fs } = sandbox();
    const many = join(local, "many");
    await mkdir(many);
    await Promise.all(Array.from({ length: 200 }, (_, index) => writeFile(join(many, `file ${index}`), String(index))));
    await fs.upload(many, ".");
    assert.equal((await sandbox().sh`cat many/* | wc -c`.text()).trim(), "490");
    const back = join(local, "back");
    await mkdir(back);
    await fs.download(basename(many), back);
    assert.equal(await readFile(join(back, "many/file 199"), "utf8"), "199");
  });

  test("writes and reads 20 MiB in one call", async () => {
    const { fs } = sandbox();
    const data = testBytes(20 * MiB);
    await fs.writeFile("large.bin", data);
    assert.equal((await fs.stat("large.bin")).size, data.length);
    assert.equal((await sandbox().sh`sha256sum large.bin`.text()).split(" ")[0], sha256(data));
    assert.equal(sha256(await fs.readFile("large.bin")), sha256(data));
  });

  test("moves 50 MiB up and down", async (context) => {
    const { fs } = sandbox();
    const data = testBytes(50 * MiB, 7);
    await writeFile(join(local, "huge.bin"), data);
    const speed = async (what: string, work: Promise<void>) => {
      const started = performance.now();
      await work;
      context.diagnostic(`${what}: ${(data.length / 1e6 / ((performance.now() - started) / 1_000)).toFixed(1)} MB/s`);
    };
    await speed("up", fs.upload(join(local, "huge.bin"), "huge.bin"));
    await speed("down", fs.download("huge.bin", join(local, "huge-back.bin")));
    assert.equal(sha256(await readFile(join(local, "huge-back.bin"))), sha256(data));
    await fs.remove("huge.bin");
  });
}
