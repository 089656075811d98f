/**
 * A machine's slots: devices that every machine has from its start, on which disks come and go. The device of an empty
 * slot has no content, and the guest has bound no driver to it.
 */
import { settled } from "@sandkeep/common";
import { ROOT_SLOT, SLOTS, type SlotDisk, type VmSlots } from "../../engine.ts";
import type { Qmp } from "../qmp.ts";
import { type BlockNode, chainNodes, emptyDisk, layerNode, layerOf, qcow2Node } from "./block-nodes.ts";
import type { PassedFile } from "./pass-files.ts";

/** Sets of descriptors are numbered by slot and layer; KVM's is 1. */
const FIRST_SET = 2_000;
const SETS_OF_SLOT = 1_000;

/**
 * How long a change of a slot may take in all. Usually that is some milliseconds, but a guest may take a minute to freeze a
 * file system, and a fork by migration on a computer that is far too busy three (`fork.ts`: freezing, pausing, the layer,
 * the state, going on). A process that was taken over can answer each command just in time, and say that there is more to do.
 */
const CHANGE_TIMEOUT_MS = 5 * 60_000;

/**
 * What a disk does when the host's cannot be read or written. The guest learns of errors. A full disk would make its
 * kernel give up the file system: that of a volume can be attached again, but without its root a machine is lost, so that
 * waits until there is space (`no-space.ts`).
 */
const errorsOf = (slot: number) => `werror=${slot === ROOT_SLOT ? "enospc" : "report"},rerror=report`;

/** A slot's name: of its device, and its serial number in the guest; the names of its layers' nodes begin with it. */
const slotName = (slot: number): string => (slot === ROOT_SLOT ? "root" : `vol${slot}`);
/** The node of an empty slot. */
const emptyNode = (slot: number): string => `empty-${slotName(slot)}`;
const setOf = (slot: number, layer: number): number => FIRST_SET + slot * SETS_OF_SLOT + layer;

/** Command line of the root disk and the slots, which are empty. @param rootLayers if it has a root from its start */
export function driveArguments(rootLayers: readonly string[]): string[] {
  const slots = Array.from({ length: SLOTS }, (_, slot) => driveOf(slot, []));
  return [driveOf(ROOT_SLOT, rootLayers), ...slots].flat();
}

function driveOf(slot: number, layers: readonly string[]): string[] {
  const name = slotName(slot);
  const nodes = layers.length > 0 ? chainNodes(name, layers) : [emptyDisk(emptyNode(slot))];
  return [
    ...nodes.flatMap((node) => ["-blockdev", JSON.stringify(node)]),
    "-device",
    `virtio-blk-device,drive=${nodes.at(-1)!["node-name"]},id=${name},serial=${name},${errorsOf(slot)}`,
  ];
}

export interface QemuSlotsOptions {
  qmp: Pick<Qmp, "execute">;
  /** Gives files to the process. */
  give: (files: PassedFile[]) => Promise<void>;
  /** Allows the process to write a disk of this size. */
  allowDisk: (bytes: number) => Promise<void>;
  /** Ends the process, which then answers nothing more. */
  kill: () => void;
  /** Default {@link CHANGE_TIMEOUT_MS}. */
  timeoutMs?: number;
}

/** What {@link QemuSlots.plug} takes. */
export interface QemuSlotDisk extends SlotDisk {
  /** How many of its lowest layers are open in the slot already: see {@link QemuSlots.vacate}. */
  open?: number;
}

export class QemuSlots implements VmSlots {
  readonly #qmp: QemuSlotsOptions["qmp"];
  readonly #give: QemuSlotsOptions["give"];
  readonly #allowDisk: QemuSlotsOptions["allowDisk"];
  readonly #kill: QemuSlotsOptions["kill"];
  readonly #timeoutMs: number;

  constructor({ qmp, give, allowDisk, kill, timeoutMs = CHANGE_TIMEOUT_MS }: QemuSlotsOptions) {
    this.#qmp = qmp;
    this.#give = give;
    this.#allowDisk = allowDisk;
    this.#kill = kill;
    this.#timeoutMs = timeoutMs;
  }

  async plug(slot: number, disk: QemuSlotDisk): Promise<void> {
    const { ready } = disk;
    // It may fail before anybody waits for it.
    ready?.catch(() => {});
    try {
      await this.#inTime(() => this.#open(slot, disk));
      // That is not the machine's affair, so it is not ended if it takes long.
      await ready;
      await this.#inTime(() => this.#insert(slot, disk));
    } catch (error) {
      await this.#inTime(() => this.#closeAll(slot)).catch(() => {});
      throw error;
    }
  }

  async unplug(slot: number): Promise<void> {
    await this.#inTime(() => this.#unplug(slot));
  }

  /**
   * Takes a slot's disk away, of which all layers but the last stay open for another disk. What was written to the last
   * one is in its file then. Resolves to how many stay open.
   */
  async vacate(slot: number): Promise<number> {
    let kept = 0;
    await this.#inTime(async () => {
      const depth = await this.depth(slot);
      if (depth === 0) return;
      kept = depth - 1;
      const top = layerNode(slotName(slot), kept);
      const emptied = [
        this.#empty(slot),
        this.#qmp.execute("blockdev-del", { "node-name": top }),
        // A template's root was opened by its name.
        this.#dropSet(slot, kept).catch(() => {}),
      ];
      await settled(emptied);
    });
    return kept;
  }

  async addLayer(...[slot, layer, moment]: Parameters<VmSlots["addLayer"]>): Promise<void> {
    await this.#inTime(() => this.#addLayer(slot, layer, moment));
  }

  /** Does something, and ends the process if it is not done in time. */
  async #inTime(change: () => Promise<void>): Promise<void> {
    const timer = setTimeout(this.#kill, this.#timeoutMs).unref();
    try {
      await change();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens the files of a disk, of which nothing is written yet. */
  async #open(slot: number, { layers, bytes, durable = true, open = 0 }: QemuSlotDisk): Promise<void> {
    const top = layers.length - 1;
    if (bytes !== undefined) await this.#allowDisk(bytes);
    const added = layers.map((path, layer) => ({ path, layer, writable: layer === top })).slice(open);
    await this.#pass(slot, added);
    // QEMU executes them in this order, without waiting for us between any two.
    await settled(
      added.flatMap(({ layer }) => [
        this.#addNode(slot, layer, layer === top ? { durable } : "read-only", layer > 0),
        // What has no writer is never opened again.
        ...(layer < top ? [this.#dropSet(slot, layer)] : []),
      ]),
    );
  }

  /** Gives the device a disk whose files are open. */
  async #insert(slot: number, { layers, bytes }: SlotDisk): Promise<void> {
    const top = layerNode(slotName(slot), layers.length - 1);
    if (bytes !== undefined) await this.#qmp.execute("block_resize", { "node-name": top, size: bytes });
    await this.#setDrive(slot, top);
  }

  async #unplug(slot: number): Promise<void> {
    if ((await this.depth(slot)) > 0) await this.#empty(slot);
    await this.#closeAll(slot);
  }

  /** Takes the disk from the device. */
  async #empty(slot: number): Promise<void> {
    await settled([
      // A template's root has its disk from the start.
      slot === ROOT_SLOT && this.#qmp.execute("blockdev-add", emptyDisk(emptyNode(slot))).catch(() => {}),
      this.#setDrive(slot, emptyNode(slot)),
    ]);
  }

  async depth(slot: number): Promise<number> {
    const node = await this.#qmp.execute("qom-get", {
      path: `/machine/peripheral/${slotName(slot)}`,
      property: "drive",
    });
    return (layerOf(slotName(slot), String(node)) ?? -1) + 1;
  }

  async #addLayer(
    slot: number,
    { path, bytes, durable = true }: { path: string; bytes: number; durable?: boolean },
    moment: (take: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const layer = await this.depth(slot);
    if (layer === 0) throw new Error(`Slot ${slot} has no disk that a layer could be put on.`);
    const name = slotName(slot);
    await this.#allowDisk(bytes);
    let taken = false;
    // Left by a server that was killed before the machine took it.
    await this.#qmp.execute("blockdev-del", { "node-name": layerNode(name, layer) }).catch(() => {});
    await this.#dropSet(slot, layer).catch(() => {});
    try {
      await this.#pass(slot, [{ path, layer, writable: true }]);
      await this.#addNode(slot, layer, { durable }, false);
      await moment(async () => {
        await this.#qmp.execute("blockdev-snapshot", {
          node: layerNode(name, layer - 1),
          overlay: layerNode(name, layer),
        });
        taken = true;
      });
    } finally {
      await this.#dropSet(slot, taken ? layer - 1 : layer).catch(() => {});
      if (!taken) await this.#qmp.execute("blockdev-del", { "node-name": layerNode(name, layer) }).catch(() => {});
    }
  }

  async resize(slot: number, bytes: number): Promise<void> {
    const top = (await this.depth(slot)) - 1;
    await this.#allowDisk(bytes);
    await this.#qmp.execute("block_resize", { "node-name": layerNode(slotName(slot), top), size: bytes });
  }

  /** Gives the files of layers to QEMU. One that is written is also opened to be read only, as it will be in the end. */
  async #pass(slot: number, layers: { path: string; layer: number; writable: boolean }[]): Promise<void> {
    const files = layers.flatMap(({ path, layer, writable }): PassedFile[] => {
      const file: PassedFile = { path, access: "read", set: setOf(slot, layer) };
      return writable ? [file, { ...file, access: "read and write" }] : [file];
    });
    await this.#give(files);
  }

  async #addNode(
    slot: number,
    layer: number,
    how: "read-only" | { durable: boolean },
    hasBacking: boolean,
  ): Promise<void> {
    const name = slotName(slot);
    const backing = hasBacking ? layerNode(name, layer - 1) : null;
    const node: BlockNode = qcow2Node(layerNode(name, layer), `/dev/fdset/${setOf(slot, layer)}`, backing, how);
    await this.#qmp.execute("blockdev-add", node);
  }

  async #setDrive(slot: number, node: string): Promise<void> {
    await this.#qmp.execute("qom-set", {
      path: `/machine/peripheral/${slotName(slot)}`,
      property: "drive",
      value: node,
    });
  }

  /**
   * Closes every layer of an empty slot that is open, top first, also what a server left there that was killed. What was
   * written is in the files then. A process that was taken over may list anything, any number of times.
   */
  async #closeAll(slot: number): Promise<void> {
    const nodes = (await this.#qmp.execute("query-named-block-nodes", { flat: true })) as { "node-name": string }[];
    const layers = nodes.flatMap((node) => layerOf(slotName(slot), node["node-name"]) ?? []);
    for (const layer of [...new Set(layers)].sort((a, b) => b - a))
      await this.#qmp.execute("blockdev-del", { "node-name": layerNode(slotName(slot), layer) });
    const sets = (await this.#qmp.execute("query-fdsets")) as { "fdset-id": number }[];
    for (const set of new Set(sets.map((set) => set["fdset-id"])))
      if (Number.isInteger(set) && set >= setOf(slot, 0) && set < setOf(slot + 1, 0))
        await this.#qmp.execute("remove-fd", { "fdset-id": set });
  }

  /** Forgets descriptors. Nodes keep theirs. */
  async #dropSet(slot: number, layer: number): Promise<void> {
    await this.#qmp.execute("remove-fd", { "fdset-id": setOf(slot, layer) });
  }
}
