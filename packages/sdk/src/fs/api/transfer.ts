import type { TransferOptions } from "../transfer/options.ts";

/** Copies between this machine and the sandbox. A part of {@linkcode SandboxFs}. */
export interface FsTransfer {
  /**
   * Copies a file of this machine to the path given, or into it if that is a directory; and a directory, with all that is in it,
   * *into* the directory given, which is created if need be. A directory keeps permissions, times of modification, empty directories, names that are not
   * UTF-8, and links as links; it goes as one stream, however many files it has. Rejects with the error of what cannot be read here or written there, which says which
   * file it was.
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
   * Copies a file of the sandbox to the path given on this machine, or into it if that is a directory; and a directory, with all
   * that is in it, *into* the directory given, as {@linkcode upload} does it. The copy has the name in the path given, even if that is a link. Whatever the sandbox answers, nothing outside of the
   * copy is written, and nothing through links that are there; a link itself may lead anywhere.
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
