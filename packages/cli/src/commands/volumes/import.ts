import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { VolumeDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { diskPath } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import { Interruption } from "../../copy/interruption.ts";
import { CliError, ExitCode } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatBytes } from "../../values/bytes.ts";

/** `sandkeep volumes import file slug` */
export async function run(invocation: Invocation<{ region?: string }>): Promise<void> {
  const {
    args: [given, slug],
    options: { region },
    terminal,
  } = invocation;
  const file = String(given);
  const { size } = await stat(file).catch((error: Error) => {
    throw new CliError("FILE", `cannot read ${file}: ${error.message}`, { exitCode: ExitCode.usage });
  });
  const api = new Api(await ensureTarget(invocation));
  const query = new URLSearchParams({ slug: String(slug), ...(region && { region }) });
  using interruption = new Interruption();
  const progress = terminal.progress();
  progress.step(`importing ${file}`);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const piece of createReadStream(file) as AsyncIterable<Buffer>) {
      sent += piece.length;
      progress.fraction(sent / size, `${formatBytes(sent)} of ${formatBytes(size)}`);
      yield piece;
    }
  }
  try {
    const path = `${diskPath("volumes")}/import?${query}`;
    const volume = await api.upload<VolumeDetail>(path, ReadableStream.from(pieces()), interruption.signal);
    progress.done();
    terminal.result(volume, () => volume.id);
  } catch (error) {
    progress.fail();
    if (interruption.received) throw new CliError("INTERRUPTED", "the import was interrupted; nothing is left of it");
    throw error;
  }
}
