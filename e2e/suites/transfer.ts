import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { sha256, testBytes } from "../harness/bytes.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

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
