import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Sandbox } from "sandkeep";

/** What directories keep, and how they fail, when transferred as one stream: only with our own client. */
export default function ownTransfer(sandbox: () => Sandbox, local: () => string): void {
  test("directories keep modes, times, links and names both ways", async () => {
    const { fs } = sandbox();
    const from = join(local(), "kept");
    await mkdir(join(from, "empty"), { recursive: true });
    await writeFile(join(from, "ünï\n"), "x".repeat(300_000), { mode: 0o640 });
    await utimes(join(from, "ünï\n"), 1e9, 1e9 + 0.5);
    await symlink(join(from, "ünï\n"), join(from, "absolute"));
    await utimes(join(from, "empty"), 1e9, 1e9);
    await chmod(join(from, "empty"), 0o500);
    await fs.upload(from, "kept-there", { contents: true });
    const info = await fs.stat("kept-there/ünï\n");
    assert.deepEqual([info.mode! & 0o777, info.mtime!.getTime(), info.size], [0o640, 1e12 + 500, 300_000]);
    assert.equal((await fs.stat("kept-there/empty")).mode! & 0o777, 0o500);
    assert.equal(await fs.readLink("kept-there/absolute"), "ünï\n");
    await fs.download("kept-there", join(local(), "kept-back"), { contents: true });
    const back = await stat(join(local(), "kept-back/ünï\n"));
    assert.deepEqual([back.mode & 0o777, back.mtimeMs, back.size], [0o640, 1e12 + 500, 300_000]);
    assert.equal((await stat(join(local(), "kept-back/empty"))).mtimeMs, 1e12);
  });

  test("errors in the midst of a directory say which file", async () => {
    const { fs } = sandbox();
    await sandbox()
      .sh`mkdir -p secret/deep small && echo x > secret/deep/file && sudo chown root secret/deep/file && sudo chmod 600 secret/deep/file && sudo mount -t tmpfs -o size=1m,mode=777 none small`;
    await assert.rejects(
      fs.download("secret", join(local(), "denied")),
      (error: Error & { code?: string }) => error.code === "EACCES" && error.message.includes("secret/deep/file"),
    );
    await mkdir(join(local(), "big/er"), { recursive: true });
    await writeFile(join(local(), "big/er/file"), Buffer.alloc(3_000_000, 1));
    await assert.rejects(
      fs.upload(join(local(), "big"), "small"),
      (error: Error & { code?: string }) => error.code === "ENOSPC" && error.message.includes("small/big/er/file"),
    );
    assert.deepEqual(await Array.fromAsync(fs.readDir("small/big/er")), []);
    await sandbox().sh`sudo umount small`;
  });

  test("an abort stops the copying, and leaves no half a file", async () => {
    const { fs } = sandbox();
    await sandbox().sh`mkdir -p endless && truncate -s 100G endless/file`;
    const into = join(local(), "aborted");
    for (const begin of [
      (signal: AbortSignal) => fs.download("endless", into, { signal }),
      (signal: AbortSignal) => fs.download("endless/file", join(local(), "aborted-file"), { signal }),
    ]) {
      const controller = new AbortController();
      const copied = begin(controller.signal);
      const started = async (): Promise<void> => {
        const found = [...(await readdir(local())), ...(await readdir(join(into, "endless")).catch(() => []))];
        if (!found.includes("file") && !found.includes("aborted-file")) return started();
      };
      await started();
      controller.abort();
      await assert.rejects(copied, { name: "AbortError" });
      assert.deepEqual(await readdir(join(into, "endless")), []);
      assert.ok(!(await readdir(local())).includes("aborted-file"));
    }
    await sandbox().sh`rm -r endless`;
    await rm(into, { recursive: true });
    assert.equal(await readFile(join(local(), "kept-back/ünï\n"), "utf8"), "x".repeat(300_000));
  });
}
