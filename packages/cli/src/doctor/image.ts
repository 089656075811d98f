import { imagesOf } from "../paths.ts";
import { formatBytes } from "../values/bytes.ts";
import type { Check } from "./check.ts";

/** The guest image: whether there is one for the current recipe and agent. */
export const checkImage: Check = async (context) => {
  const dataDir = imagesOf(context.dataDir, context.env);
  const { findImage, listImages } = await import("@sandkeep/host");
  const [current, all] = await Promise.all([findImage({ dataDir }), listImages({ dataDir })]);
  const old = all.filter(({ image, inUse }) => image.id !== current?.id && !inUse);
  const size = all.find(({ image }) => image.id === current?.id)?.diskBytes ?? 0;
  const age =
    old.length > 0
      ? `; ${old.length} old ${old.length === 1 ? "one" : "ones"}, ${formatBytes(old.reduce((sum, { diskBytes }) => sum + diskBytes, 0))}`
      : "";
  if (!current) {
    const detail = all.length > 0 ? "none for the current recipe and agent" : "none";
    return [
      {
        name: "image",
        verdict: "warn",
        detail: detail + age,
        repair: "sandkeep image build (the first sandbox also does it)",
      },
    ];
  }
  const packages = current.manifest.packages;
  return [
    {
      name: "image",
      verdict: "ok",
      detail: `${current.id}, ${formatBytes(size)}, ${packages.length} packages, kernel ${current.manifest.kernelRelease}${age}`,
      ...(old.length > 0 && { repair: "sandkeep image prune removes old images" }),
    },
  ];
};
