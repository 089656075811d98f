/** Copies between this machine and the sandbox. A part of {@linkcode SandboxFs}. */
export interface FsTransfer {
  /**
   * Copies a file of this machine to the path given, or a directory, with all that is in it, *into* the directory given.
   * Permissions are kept; links inside of the directory are copied as links. Rejects with the system's error when something
   * cannot be read here.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import { mkdtemp, writeFile } from "node:fs/promises";
   * import { tmpdir } from "node:os";
   * import { basename } from "node:path";
   * import assert from "node:assert/strict";
   *
   * const here = await mkdtemp(`${tmpdir()}/project-`);
   * await writeFile(`${here}/main.ts`, "console.log(1)");
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.upload(`${here}/main.ts`, "copy.ts"); // a file
   * await sandbox.fs.upload(here, "/app"); // a directory
   * assert.ok((await sandbox.fs.stat(`/app/${basename(here)}/main.ts`)).isFile);
   * ```
   */
  upload(localPath: string | URL, sandboxPath: string | URL): Promise<void>;

  /**
   * Copies a file of the sandbox to the path given on this machine, or a directory, with all that is in it, *into* the directory
   * given. Permissions are kept; links inside of the directory are copied as links.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import { mkdtemp, readFile } from "node:fs/promises";
   * import { tmpdir } from "node:os";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.sh`mkdir -p out/deep && echo done > out/deep/report.txt`;
   * const here = await mkdtemp(`${tmpdir()}/results-`);
   * await sandbox.fs.download("out", here);
   * assert.equal(await readFile(`${here}/out/deep/report.txt`, "utf8"), "done\n");
   * ```
   */
  download(sandboxPath: string | URL, localPath: string | URL): Promise<void>;
}
