/**
 * Disks as QEMU's block nodes. Everything about a layer is said here, so that QEMU follows no name in a layer's header,
 * which a machine may have written.
 */

/** A node as `-blockdev` and `blockdev-add` take it. */
export type BlockNode = { "node-name": string; driver: string } & Record<string, unknown>;

/** The node of a disk's layer; its number, from the bottom, says how many there are below it. */
export const layerNode = (disk: string, layer: number): string => `${disk}-${layer}`;

/** Which layer of a disk a node is; undefined if it is none. */
export function layerOf(disk: string, node: string): number | undefined {
  const layer = node.startsWith(`${disk}-`) ? node.slice(disk.length + 1) : "";
  return /^\d{1,3}$/.test(layer) ? Number(layer) : undefined;
}

/**
 * The node of a layer.
 *
 * @param backing name of the node below it; null if there is none
 * @param how `durable`: what the guest has flushed survives a crash of the host, which costs time
 */
export function qcow2Node(
  name: string,
  filename: string,
  backing: string | null,
  how: "read-only" | { durable: boolean },
): BlockNode {
  const options =
    how === "read-only"
      ? { "read-only": true }
      : { cache: { direct: false, "no-flush": !how.durable }, discard: "unmap" };
  // Who has a file open, if only to read it, could lock it for all others. What never changes needs no lock.
  const locking = how === "read-only" ? { locking: "off" } : {};
  return {
    driver: "qcow2",
    "node-name": name,
    backing,
    ...options,
    ...(how !== "read-only" && how.durable && { "detect-zeroes": "unmap" }),
    file: { driver: "file", filename, aio: "threads", ...locking, ...options },
  };
}

/** The nodes of a disk whose last layer is written, and need not survive a crash, from the bottom up. */
export function chainNodes(disk: string, layers: readonly string[]): BlockNode[] {
  return layers.map((path, layer) =>
    qcow2Node(
      layerNode(disk, layer),
      path,
      layer > 0 ? layerNode(disk, layer - 1) : null,
      layer === layers.length - 1 ? { durable: false } : "read-only",
    ),
  );
}

/** More than nothing, which a device cannot have. */
const EMPTY_BYTES = 1024 * 1024;

/** The node of a device whose disk is not known yet. */
export function emptyDisk(name: string): BlockNode {
  return { driver: "null-co", "node-name": name, size: EMPTY_BYTES, "read-zeroes": true };
}
