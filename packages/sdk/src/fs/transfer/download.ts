import { constants } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, posix, resolve } from "node:path";
import { ArchiveReader } from "../../archive/reader.ts";
import { writeDirectory } from "../../archive/write-directory.ts";
import { abortError } from "../../transport/abort.ts";
import type { Connection } from "../../transport/connection.ts";
import { chunksOf, receivePaced, WINDOW_BYTES } from "../../transport/paced-stream.ts";
import { unlessLacking } from "../extension.ts";
import type { SandboxFs } from "../sandbox-fs.ts";
import { downloadEach } from "./download-each.ts";
import { downloadFile } from "./download-file.ts";
import { type TransferOptions, warn } from "./options.ts";

const REPLACE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
/** Where relative paths start in a sandbox. */
const HOME = "/home/app";
const READ_TREE = "sandkeep.readTree";

/** Copies a file from the sandbox to `local`, or a directory into it. */
export async function download(
  connection: Connection,
  fs: SandboxFs,
  remote: string,
  local: string,
  options: TransferOptions = {},
): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) throw abortError(signal);
  const source = await fs.realPath(remote);
  const info = await fs.lstat(source);
  const name = nameOf(remote);
  if (info.isDirectory)
    return await downloadDirectory(connection, fs, source, local, options.contents ? "" : name, options);
  if (!info.isFile) throw new TypeError(`${remote} is neither a file nor a directory`);
  const file = { mode: info.mode, flags: REPLACE, signal };
  try {
    await downloadFile(connection, source, local, file);
  } catch (error) {
    // Like cp(1): into a directory, under its own name.
    if ((error as { code?: string }).code !== "EISDIR") throw error;
    await downloadFile(connection, source, join(local, name), file);
  }
}

/**
 * The name of a copy comes from the given path, not from the resolved one: that comes from the sandbox, which may be
 * hostile and answer `.git` or `..`. The root directory has no name.
 */
function nameOf(remote: string): string {
  return posix.basename(posix.resolve(HOME, remote));
}

async function downloadDirectory(
  connection: Connection,
  fs: SandboxFs,
  source: string,
  local: string,
  name: string,
  { signal, onSkip = warn }: TransferOptions,
): Promise<void> {
  // `d/`, `./d` and `d//` are the same directory.
  const target = resolve(local, name);
  await mkdir(name === "" ? dirname(target) : resolve(local), { recursive: true });
  const opened = await unlessLacking(connection, READ_TREE, () =>
    connection.call(READ_TREE, { path: source, window: WINDOW_BYTES }),
  );
  if (!opened) return await downloadEach(connection, fs, source, target);
  const chunks = chunksOf(receivePaced(connection, opened.streamId), signal);
  try {
    await writeDirectory(new ArchiveReader(chunks, onSkip), target, { source, followTarget: name === "", onSkip });
  } finally {
    // The rest of it is not needed, whether it has ended or not.
    await chunks.return();
  }
}
