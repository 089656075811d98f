import type { Image } from "@sandkeep/host";
import type { Progress } from "../output/progress.ts";

interface PrepareOptions {
  force?: boolean;
  signal?: AbortSignal;
  /** Called before an image is built: the place for checks that should fail before minutes of building. */
  before?: () => Promise<void>;
}

/** The image that machines boot from. Builds it if it is missing, and shows the progress. */
export async function prepareImage(
  dataDir: string,
  progress: Progress,
  { force = false, signal, before }: PrepareOptions = {},
): Promise<Image> {
  const { buildImage, ensureImage, findImage } = await import("@sandkeep/host");
  const found = force ? undefined : await findImage({ dataDir });
  if (found) return found;
  await before?.();
  progress.step("Building the guest image (once; takes a few minutes)");
  const build = force ? buildImage : ensureImage;
  const image = await build({
    dataDir,
    progress: ({ fraction, message }) => progress.fraction(fraction, message),
    ...(signal && { signal }),
  });
  progress.done();
  return image;
}
