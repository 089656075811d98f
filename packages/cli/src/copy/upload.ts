import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, posix, resolve } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Sandbox } from "sandkeep";
import { CliError, ExitCode } from "../errors.ts";
import { remoteTarget } from "./destination.ts";
import { extract } from "./tar.ts";

/** Up to this size a file goes in one message instead of a stream of them, bytes. */
const SMALL_FILE_BYTES = 1024 * 1024;
const PERMISSIONS = 0o777;

/**
 * Copies a local file or directory into a sandbox, as cp(1) would.
 * @throws {CliError} NO_SUCH_FILE, TAR_FAILED
 */
export async function upload(sandbox: Sandbox, path: string, destination: string): Promise<void> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new CliError("NO_SUCH_FILE", `cannot read ${path}: ${(cause as Error).message}`, { hint: "check the path", exitCode: ExitCode.notFound, cause });
  });
  const name = path === "." || path.endsWith("/.") ? "" : basename(resolve(path));
  const target = await remoteTarget(sandbox, destination, name);
  if (info.isDirectory()) return await uploadDirectory(sandbox, path, target);
  await sandbox.fs.mkdir(posix.dirname(target), { recursive: true });
  const options = { mode: info.mode & PERMISSIONS };
  if (info.size <= SMALL_FILE_BYTES && info.isFile()) return await sandbox.fs.writeFile(target, new Uint8Array(await readFile(path)), options);
  await sandbox.fs.writeFile(target, Readable.toWeb(createReadStream(path, { highWaterMark: SMALL_FILE_BYTES })) as ReadableStream<Uint8Array>, options);
}

/** A directory goes as one archive: thousands of small files would be thousands of calls. */
async function uploadDirectory(sandbox: Sandbox, path: string, target: string): Promise<void> {
  await sandbox.fs.mkdir(target, { recursive: true });
  const tar = spawn("tar", ["--create", "--file=-", "--directory", path, "."], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((done, failed) => tar.once("error", failed).once("close", done));
  const [code, words] = await Promise.all([
    ended,
    text(tar.stderr),
    extract(sandbox, target, Readable.toWeb(tar.stdout) as ReadableStream<Uint8Array>),
  ]).catch((error: unknown) => {
    tar.kill();
    throw error;
  });
  if (code !== 0) throw new CliError("TAR_FAILED", `could not read all of ${path}: ${words.trim()}`, { hint: "check that the files can be read" });
}
