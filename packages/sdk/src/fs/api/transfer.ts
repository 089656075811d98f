import type { TransferOptions } from "../transfer/options.ts";

/** Copying between this computer and the sandbox. Part of {@linkcode SandboxFs}. */
export interface FsTransfer {
  /**
   * Copies a local file to the given path, or into it if it is a directory. Copies a local directory, with everything in
   * it, *into* the given directory, which is created if necessary. Permissions, modification times, empty directories,
   * names that are not UTF-8 and links are preserved. A directory is sent as one stream, however many files it has. Rejects
   * with the error of the file that cannot be read here or written there; the message names it.
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
  upload(localPath: string | URL, sandboxPath: string | URL, options?: TransferOptions): Promise<void>;

  /**
   * Copies a file from the sandbox to the given local path, or into it if it is a directory. Copies a directory, with
   * everything in it, *into* the given directory, as {@linkcode upload} does. The copy has the last name in the given path,
   * even if that is a link. Whatever the sandbox answers, nothing is written outside the copy or through existing links; a
   * copied link may point anywhere.
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
  download(sandboxPath: string | URL, localPath: string | URL, options?: TransferOptions): Promise<void>;
}
