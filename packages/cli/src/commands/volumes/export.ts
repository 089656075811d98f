import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { Snapshot } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { diskPath } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import { Interruption } from "../../copy/interruption.ts";
import { CliError, ExitCode } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatBytes } from "../../values/bytes.ts";

/** `sandkeep volumes export disk file`, also as `sandkeep snapshots export` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [disk, given],
    terminal,
  } = invocation;
  const file = String(given);
  const api = new Api(await ensureTarget(invocation));
  using interruption = new Interruption();
  const progress = terminal.progress();
  await using snapshot = await snapshotOf(api, String(disk));
  progress.step(`exporting ${disk}`);
  try {
    const response = await api.send(
      "GET",
      `${diskPath("snapshots", snapshot.id)}/export`,
      undefined,
      interruption.signal,
    );
    const bytes = await save(response, file, interruption.signal);
    progress.done();
    terminal.result({ exported: snapshot.exported, file, bytes }, () => `${file} has ${formatBytes(bytes)}`);
  } catch (error) {
    progress.fail();
    if (interruption.received) throw new CliError("INTERRUPTED", "the export was interrupted; nothing is left of it");
    throw error;
  }
}

/** What is exported: the snapshot of this name, or one that is taken of the volume of this name and removed afterwards. */
async function snapshotOf(api: Api, name: string): Promise<AsyncDisposable & { id: string; exported: string }> {
  try {
    const { id } = await api.json<Snapshot>("GET", diskPath("snapshots", name));
    return { id, exported: id, async [Symbol.asyncDispose]() {} };
  } catch (error) {
    if (!(error instanceof CliError && error.exitCode === ExitCode.notFound)) throw error;
  }
  const slug = `export-${randomUUID().slice(0, 8)}`;
  const path = `/api/v2/volumes/${encodeURIComponent(name)}/snapshot`;
  const { id, volume } = await api.json<Snapshot>("POST", path, { slug });
  return {
    id,
    exported: volume.id,
    async [Symbol.asyncDispose]() {
      // Without the scope for the first, its data is kept for a while.
      await api
        .json("DELETE", diskPath("snapshots", id))
        .catch(() => api.json("DELETE", `/api/v2/snapshots/${encodeURIComponent(id)}`));
    },
  };
}

/** The file appears under its name when it is complete. */
async function save({ body }: Response, file: string, signal: AbortSignal): Promise<number> {
  // Of a name that nobody else has chosen.
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    const target = createWriteStream(partial, { flags: "wx", mode: 0o600, flush: true });
    await pipeline(Readable.fromWeb(body as ReadableStream<Uint8Array>), target, { signal });
    await rename(partial, file);
    return target.bytesWritten;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
