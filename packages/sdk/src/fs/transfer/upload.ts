import { lstat, realpath } from "node:fs/promises";
import { basename, posix } from "node:path";
import { readDirectory } from "../../archive/read-directory.ts";
import { abortable, abortError } from "../../transport/abort.ts";
import type { Connection } from "../../transport/connection.ts";
import { unlessLacking } from "../extension.ts";
import type { SandboxFs } from "../sandbox-fs.ts";
import { type TransferOptions, warn } from "./options.ts";
import { uploadEach } from "./upload-each.ts";
import { uploadFile } from "./upload-file.ts";

const WRITE_TREE = "sandkeep.writeTree";

/** Copies a local file to `remote`, or a local directory into it. */
export async function upload(
  connection: Connection,
  fs: SandboxFs,
  local: string,
  remote: string,
  options: TransferOptions = {},
): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) throw abortError(signal);
  const source = await realpath(local);
  const info = await lstat(source);
  if (info.isDirectory()) return await uploadDirectory(connection, fs, source, remote, options);
  if (!info.isFile()) throw new TypeError(`${local} is neither a file nor a directory`);
  try {
    await uploadFile(fs, source, remote, signal);
  } catch (error) {
    // Like cp(1): into a directory, under its own name.
    if ((error as { code?: string }).code !== "EISDIR") throw error;
    await uploadFile(fs, source, posix.join(remote, basename(source)), signal);
  }
}

async function uploadDirectory(
  connection: Connection,
  fs: SandboxFs,
  source: string,
  remote: string,
  options: TransferOptions,
): Promise<void> {
  const { signal, onSkip = warn } = options;
  // The root has no name of its own.
  const target = options.contents ? remote : posix.join(remote, basename(source));
  const written = await unlessLacking(connection, WRITE_TREE, () =>
    abortable(connection, signal, async (abortId) => {
      let failure: { error: unknown } | undefined;
      const archive = ReadableStream.from(noting(readDirectory(source, { onSkip }), (error) => (failure = { error })));
      const contentStreamId = connection.sendStream(archive);
      try {
        return await connection.call(WRITE_TREE, { path: target, contentStreamId, abortId });
      } catch (error) {
        connection.stopStream(contentStreamId, error);
        // A local read error comes back as the failure of the stream, with less detail.
        throw failure ? failure.error : error;
      }
    }),
  );
  if (!written) await uploadEach(fs, source, target);
}

async function* noting(pieces: AsyncIterable<Uint8Array>, note: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    note(error);
    throw error;
  }
}
