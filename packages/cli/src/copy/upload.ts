import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, posix, resolve } from "node:path";
import { Readable } from "node:stream";
import type { Sandbox, TransferOptions } from "sandkeep";
import { CliError, ExitCode } from "../errors.ts";
import { remoteTarget } from "./destination.ts";
import { isContents } from "./place.ts";

/** Files up to this size are sent in one message instead of as a stream, in bytes. */
const SMALL_FILE_BYTES = 1024 * 1024;
const PERMISSIONS = 0o777;

/**
 * Copies a local file or directory into a sandbox, like cp(1).
 * @throws {CliError} NO_SUCH_FILE
 */
export async function upload(
  sandbox: Sandbox,
  path: string,
  destination: string,
  options: TransferOptions = {},
): Promise<void> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new CliError("NO_SUCH_FILE", `cannot read ${path}: ${(cause as Error).message}`, {
      hint: "check the path",
      exitCode: ExitCode.notFound,
      cause,
    });
  });
  const name = isContents(path) ? "" : basename(resolve(path));
  const target = await remoteTarget(sandbox, destination, name);
  if (info.isDirectory()) return await sandbox.fs.upload(path, target, { ...options, contents: true });
  await sandbox.fs.mkdir(posix.dirname(target), { recursive: true });
  const writing = { mode: info.mode & PERMISSIONS, ...(options.signal && { signal: options.signal }) };
  if (info.size <= SMALL_FILE_BYTES && info.isFile())
    return await sandbox.fs.writeFile(target, new Uint8Array(await readFile(path)), writing);
  await sandbox.fs.writeFile(
    target,
    Readable.toWeb(createReadStream(path, { highWaterMark: SMALL_FILE_BYTES })) as ReadableStream<Uint8Array>,
    writing,
  );
}
