import { dataDirOf, imagesOf } from "../../paths.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatBytes } from "../../values/bytes.ts";

/** `sandkeep image list` */
export async function run({ options, terminal, env }: Invocation): Promise<void> {
  const { findImage, listImages } = await import("@sandkeep/host");
  const dataDir = imagesOf(dataDirOf(options, env), env);
  const [images, current] = await Promise.all([listImages({ dataDir }), findImage({ dataDir })]);
  const items = images.map(({ image: { id, manifest }, diskBytes, inUse }) => ({
    id,
    created: manifest.created,
    kernelRelease: manifest.kernelRelease,
    packages: manifest.packages.length,
    diskBytes,
    inUse,
    current: id === current?.id,
  }));
  terminal.list(
    items,
    [
      { title: "ID", cell: (i, c) => (i.current ? c.bold(i.id) : i.id) },
      { title: "CREATED", cell: (i) => i.created.slice(0, 16).replace("T", " ") },
      { title: "KERNEL", cell: (i) => i.kernelRelease },
      { title: "PACKAGES", align: "right", cell: (i) => String(i.packages) },
      { title: "SIZE", align: "right", cell: (i) => formatBytes(i.diskBytes) },
      {
        title: "STATE",
        cell: (i, c) =>
          [i.current && c.green("current"), i.inUse && "in use"].filter(Boolean).join(", ") || c.dim("old"),
      },
    ],
    "no images; `sandkeep image build` builds one",
  );
}
