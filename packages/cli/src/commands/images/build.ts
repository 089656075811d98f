import { dataDirOf, imagesOf } from "../../paths.ts";
import { prepareImage } from "../../server/prepare-image.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep image build` */
export async function run({ options, terminal, env }: Invocation<{ force?: boolean }>): Promise<void> {
  const progress = terminal.progress();
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const image = await prepareImage(imagesOf(dataDirOf(options, env), env), progress, {
      force: options.force === true,
      signal: stop.signal,
    });
    const {
      id,
      manifest: { created, kernelRelease },
    } = image;
    terminal.result({ id, created, kernelRelease }, () => id);
  } catch (error) {
    progress.fail();
    throw error;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
