/** Merges layers: copies what they have together into one, with `qemu-img`. */
import { stat } from "node:fs/promises";
import type { JailKind } from "@sandkeep/jail";
import { mostLayerBytes, mostTableBytes, readLayer } from "../qcow2.ts";
import { type QemuImgOptions, runQemuImg } from "./qemu-img.ts";

/** What qemu-img writes into a header as the name of a base, bytes (docs/interop/qcow2.txt in QEMU's source). */
const MAX_NAME_BYTES = 1_023;
/**
 * Bytes of a layer's tables that are kept in memory, for 8 GiB of its device: layers are read from their beginning to their
 * end. With QEMU's default, 32 MiB, many layers take most of the address space.
 */
const CACHE = { "l2-cache-size": 1024 ** 2 };
/** How long copying may take. */
const TIMEOUT_MS = 60 * 60_000;

export interface MergeOptions {
  jail: JailKind;
  /** The layers below those that are merged, which are not copied, from the bottom up. Their headers name no others. */
  base: readonly string[];
  /** Layers that never change, from the bottom up. */
  layers: readonly string[];
  /** Size of the device. */
  bytes: number;
  /** Whether it gets only what others leave of the processor and the disk. */
  whenIdle: boolean;
  signal: AbortSignal;
}

/**
 * How much merging may write, in bytes: what the layers have in their files, and tables. Tables of a machine that was
 * taken over may say that there is more, by naming a part of a file often; that is not merged.
 */
export async function mostMergedBytes({
  base,
  layers,
  bytes,
}: Pick<MergeOptions, "base" | "layers" | "bytes">): Promise<number> {
  // Also the base, where layers have zeros instead of its data.
  const sizes = await Promise.all([...base, ...layers].map(async (path) => (await stat(path)).size));
  const all = sizes.reduce((sum, size) => sum + size, mostTableBytes(bytes));
  return Math.min(all, mostLayerBytes(bytes));
}

/**
 * Copies layers into a new, empty one, which can then take their place on the base.
 *
 * @throws with what qemu-img says, or why the signal was aborted; the new layer is then of no use
 */
export async function mergeLayers(target: string, options: MergeOptions): Promise<void> {
  const { jail, base, layers, bytes, whenIdle, signal } = options;
  const common = {
    jail,
    fileBytes: await mostMergedBytes(options),
    timeoutMs: TIMEOUT_MS,
    whenIdle,
    signal,
  };
  const below = [...base, ...layers];
  const run = async (options: Pick<QemuImgOptions, "readable" | "args">) => {
    const { code, output } = await runQemuImg({ ...common, ...options, writable: target });
    if (code === 0) return;
    signal.throwIfAborted();
    throw new Error(
      `qemu-img could not merge layers: ${output || "it took too long, or they would become larger than their files"}`,
    );
  };
  if (base.length === 0) {
    await run({
      readable: below,
      args: (name) => [
        ...["convert", "-n", "--target-is-zero", "-O", "qcow2"],
        ...["-T", "writeback", json(chain(below.map(name), CACHE)), name(target)],
      ],
    });
  } else {
    // Copies what differs from the base, and writes the base's name into the header, where no layer of ours has one.
    const top = { driver: "qcow2", discard: "unmap", "detect-zeroes": "unmap" };
    await run({
      readable: below,
      args: (name) => [
        ...["rebase", "-b", baseName(base.map(name)), "-F", "qcow2"],
        json({ ...top, file: { driver: "file", filename: name(target) }, backing: chain(below.map(name), CACHE) }),
      ],
    });
    await run({ readable: [], args: (name) => ["rebase", "-u", "-b", "", "-f", "qcow2", name(target)] });
  }
  await readLayer(target, bytes);
}

/** Layers as one image, of which no name in a header is followed, and that is read whatever locks others hold. */
function chain(files: readonly string[], options = {}): object {
  return files.reduce<object | null>(
    (backing, filename) => ({
      driver: "qcow2",
      ...options,
      backing,
      file: { driver: "file", filename, locking: "off" },
    }),
    null,
  )!;
}

/**
 * Layers as the name of a base. It is the name that QEMU itself gives them within the chain, so that qemu-img finds them
 * there, and compares only what is in layers above them. Another name would do, but take a hundred times as long.
 */
function baseName([lowest, ...above]: readonly string[]): string {
  if (above.length === 0) return lowest!;
  const image = (file: string, backing = "") =>
    `{${backing}"driver": "qcow2", "file": {"driver": "file", "filename": ${JSON.stringify(file)}}}`;
  const name = above.reduce((below, file) => image(file, `"backing": ${below}, `), image(lowest!));
  if (Buffer.byteLength(`json:${name}`) > MAX_NAME_BYTES)
    throw new Error("There are too many layers below those that are to be merged.");
  return `json:${name}`;
}

const json = (image: object) => `json:${JSON.stringify(image)}`;
