import { constants } from "node:fs";
import { lstat, mkdir, symlink } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type { Connection } from "../../transport/connection.ts";
import type { SandboxFs } from "../sandbox-fs.ts";
import { downloadFile } from "./download-file.ts";
import { runAll } from "./parallel.ts";

const REPLACE_NO_LINK = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (constants.O_NOFOLLOW ?? 0);

/**
 * Copies a directory into the new or existing one named `target`, file by file, for servers that cannot send it as one
 * stream.
 *
 * Names and kinds come from the sandbox, which may be hostile. So nothing is written except into directories
 * that were made here for this, never through a link, and links come last.
 *
 * @param target an absolute path
 */
export async function downloadEach(
  connection: Connection,
  fs: SandboxFs,
  source: string,
  target: string,
): Promise<void> {
  const made = new Set([dirname(target)]);
  const files: [remote: string, local: string][] = [];
  const links: [remote: string, local: string][] = [];
  for await (const entry of fs.walk(source)) {
    const to = join(target, posix.relative(source, entry.path));
    if (!made.has(dirname(to)))
      throw new Error(`The sandbox listed ${JSON.stringify(entry.path)}, which is not below ${source}`);
    if (entry.isSymlink) links.push([entry.path, to]);
    else if (entry.isFile) files.push([entry.path, to]);
    else if (entry.isDirectory) made.add(await makeDirectory(to));
  }
  await runAll(
    files.map(
      ([from, to]) =>
        async () =>
          downloadFile(connection, from, to, { mode: (await fs.lstat(from)).mode, flags: REPLACE_NO_LINK }),
    ),
  );
  await runAll(
    links.map(
      ([from, to]) =>
        async () =>
          symlink(await linkText(fs, from), to),
    ),
  );
}

async function makeDirectory(path: string): Promise<string> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!(await lstat(path)).isDirectory()) throw error;
  }
  return path;
}

/** Target of a link relative to its own directory: an absolute one would name something else here. */
async function linkText(fs: SandboxFs, path: string): Promise<string> {
  const text = await fs.readLink(path);
  return posix.isAbsolute(text) ? posix.relative(posix.dirname(path), text) : text;
}
