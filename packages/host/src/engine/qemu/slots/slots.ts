/**
 * A machine's slots: devices that every machine has from its start, on which disks come and go. The device of an empty
 * slot has no content, and the guest has bound no driver to it.
 */
import { SerialQueue } from "@sandkeep/common";
import { SLOTS, type SlotDisk, type VmSlots } from "../../engine.ts";
import type { Qmp } from "../qmp.ts";
import { type PassedFile, passFiles } from "./pass-files.ts";

/** Sets of descriptors are numbered by slot and layer; KVM's is 1. */
const FIRST_SET = 1_000;
const SETS_OF_SLOT = 1_000;

/** Size of what an empty slot has, in bytes: more than nothing, which a device cannot have. */
const EMPTY_BYTES = 1024 ** 2;
/** Report disk errors to the guest. By default, a full disk on the host would silently stop the machine instead. */
export const ERRORS = "werror=report,rerror=report";

/** A slot's name: of its device, and its serial number in the guest. */
const slotName = (slot: number): string => `vol${slot}`;
/** The node of an empty slot. */
const emptyNode = (slot: number): string => `empty${slot}`;
/** The node of a layer; its number, from the bottom, says how many there are below it. */
const layerNode = (slot: number, layer: number): string => `v${slot}-${layer}`;
const setOf = (slot: number, layer: number): number => FIRST_SET + slot * SETS_OF_SLOT + layer;

/** Command line of the empty slots. */
export function slotArguments(): string[] {
  return Array.from({ length: SLOTS }, (_, slot) => [
    "-blockdev",
    `null-co,node-name=${emptyNode(slot)},size=${EMPTY_BYTES},read-zeroes=on`,
    "-device",
    `virtio-blk-device,drive=${emptyNode(slot)},id=${slotName(slot)},serial=${slotName(slot)},${ERRORS}`,
  ]).flat();
}

export class QemuSlots implements VmSlots {
  readonly #qmp: Qmp;
  /** The monitor that takes files. */
  readonly #files: string;
  /** That monitor has one connection at a time. */
  readonly #queue = new SerialQueue();
  /** Allows the process to write a disk of this size. */
  readonly #allowDisk: (bytes: number) => Promise<void>;

  constructor(qmp: Qmp, files: string, allowDisk: (bytes: number) => Promise<void>) {
    this.#qmp = qmp;
    this.#files = files;
    this.#allowDisk = allowDisk;
  }

  async plug(slot: number, { layers, bytes }: SlotDisk): Promise<void> {
    const top = layers.length - 1;
    await this.#allowDisk(bytes);
    try {
      await this.#pass(
        slot,
        layers.map((path, layer) => ({ path, layer, writable: layer === top })),
      );
      for (const layer of layers.keys()) await this.#addNode(slot, layer, layer === top, layer > 0);
      // What has no writer is opened already and is never opened again.
      for (let layer = 0; layer < top; layer++) await this.#dropSet(slot, layer);
      await this.#qmp.execute("block_resize", { "node-name": layerNode(slot, top), size: bytes });
      await this.#setDrive(slot, layerNode(slot, top));
    } catch (error) {
      await this.#remove(slot, top).catch(() => {});
      throw error;
    }
  }

  async unplug(slot: number): Promise<void> {
    const layers = await this.depth(slot);
    if (layers === 0) return;
    await this.#setDrive(slot, emptyNode(slot));
    await this.#remove(slot, layers - 1);
  }

  async depth(slot: number): Promise<number> {
    const node = await this.#qmp.execute("qom-get", {
      path: `/machine/peripheral/${slotName(slot)}`,
      property: "drive",
    });
    return Number(new RegExp(`^v${slot}-(\\d{1,3})$`).exec(String(node))?.[1] ?? -1) + 1;
  }

  async addLayer(
    slot: number,
    { path, bytes }: { path: string; bytes: number },
    moment: (take: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const layer = await this.depth(slot);
    await this.#allowDisk(bytes);
    let taken = false;
    try {
      await this.#pass(slot, [{ path, layer, writable: true }]);
      await this.#addNode(slot, layer, true, false);
      await moment(async () => {
        await this.#qmp.execute("blockdev-snapshot", {
          node: layerNode(slot, layer - 1),
          overlay: layerNode(slot, layer),
        });
        taken = true;
      });
    } finally {
      await this.#dropSet(slot, taken ? layer - 1 : layer).catch(() => {});
      if (!taken) await this.#qmp.execute("blockdev-del", { "node-name": layerNode(slot, layer) }).catch(() => {});
    }
  }

  async resize(slot: number, bytes: number): Promise<void> {
    const top = (await this.depth(slot)) - 1;
    await this.#allowDisk(bytes);
    await this.#qmp.execute("block_resize", { "node-name": layerNode(slot, top), size: bytes });
  }

  /** Gives the files of layers to QEMU. One that is written is also opened to be read only, as it will be in the end. */
  async #pass(slot: number, layers: { path: string; layer: number; writable: boolean }[]): Promise<void> {
    const files = layers.flatMap(({ path, layer, writable }): PassedFile[] => {
      const file = { path, writable, set: setOf(slot, layer) };
      return writable ? [file, { ...file, writable: false }] : [file];
    });
    await this.#queue.run(() => passFiles(this.#files, files));
  }

  /** Adds the node of a layer, about which everything is said here: QEMU follows no name in its header. */
  async #addNode(slot: number, layer: number, writable: boolean, hasBacking: boolean): Promise<void> {
    const cache = { direct: false, "no-flush": false };
    const options = writable ? { cache, discard: "unmap" } : { "read-only": true };
    await this.#qmp.execute("blockdev-add", {
      driver: "qcow2",
      "node-name": layerNode(slot, layer),
      backing: hasBacking ? layerNode(slot, layer - 1) : null,
      ...options,
      ...(writable && { "detect-zeroes": "unmap" }),
      file: { driver: "file", filename: `/dev/fdset/${setOf(slot, layer)}`, aio: "threads", ...options },
    });
  }

  async #setDrive(slot: number, node: string): Promise<void> {
    await this.#qmp.execute("qom-set", {
      path: `/machine/peripheral/${slotName(slot)}`,
      property: "drive",
      value: node,
    });
  }

  /** Closes the layers of a disk, top first, as far as they are open. What was written is in their files then. */
  async #remove(slot: number, top: number): Promise<void> {
    let failure: unknown;
    for (let layer = top; layer >= 0; layer--) {
      try {
        await this.#qmp.execute("blockdev-del", { "node-name": layerNode(slot, layer) });
      } catch (error) {
        failure ??= error;
      }
      await this.#dropSet(slot, layer).catch(() => {});
    }
    if (failure) throw failure;
  }

  /** Forgets descriptors. Nodes keep theirs. */
  async #dropSet(slot: number, layer: number): Promise<void> {
    await this.#qmp.execute("remove-fd", { "fdset-id": setOf(slot, layer) });
  }
}
