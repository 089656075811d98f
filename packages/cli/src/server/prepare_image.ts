import type { Image } from "@sandkeep/host";
import type { Progress } from "../output/progress.ts";

/** The image that machines boot from; built, with its progress shown, when it is missing. */
export async function prepareImage(dataDir: string, progress: Progress, { force = false, signal }: { force?: boolean; signal?: AbortSignal } = {}): Promise<Image> {
  const { buildImage, ensureImage, findImage } = await import("@sandkeep/host");
  const found = force ? undefined : await findImage({ dataDir });
  if (found) return found;
  progress.step("Building the guest's image (once; takes some minutes)");
  const build = force ? buildImage : ensureImage;
  const image = await build({
    dataDir,
    progress: ({ fraction, message }) => progress.fraction(fraction, message),
    ...(signal && { signal }),
  });
  progress.done();
  return image;
}
