import type { Sandbox } from "sandkeep";
import { CliError } from "../errors.ts";

/** Unpacks an archive into a directory in a sandbox; the files belong to the sandbox's user. @throws {CliError} TAR_FAILED */
export async function extract(sandbox: Sandbox, directory: string, archive: ReadableStream<Uint8Array>): Promise<void> {
  const child = await sandbox.spawn("tar", {
    args: ["--extract", "--file=-", "--directory", directory, "--no-same-owner"],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  });
  // If tar ends early, its own message says more than the broken pipe.
  const [words, status] = await Promise.all([
    new Response(child.stderr).text(),
    child.status,
    archive.pipeTo(child.stdin!).catch(() => {}),
  ]);
  if (!status.success)
    throw new CliError("TAR_FAILED", `could not write all files to ${directory}: ${words.trim()}`, {
      hint: "check the directory's permissions and free space",
    });
}

/** Packs a directory in a sandbox and passes the archive to `consume`. @throws {CliError} TAR_FAILED */
export async function pack(
  sandbox: Sandbox,
  directory: string,
  consume: (archive: ReadableStream<Uint8Array>) => Promise<void>,
): Promise<void> {
  const child = await sandbox.spawn("tar", {
    args: ["--create", "--file=-", "--directory", directory, "."],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const [words, status] = await Promise.all([new Response(child.stderr).text(), child.status, consume(child.stdout!)]);
  if (!status.success)
    throw new CliError("TAR_FAILED", `could not read all of ${directory}: ${words.trim()}`, {
      hint: "check that the files can be read",
    });
}
