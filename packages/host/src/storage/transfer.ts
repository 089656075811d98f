/** Disks as files, for other hosts and for backups. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { JailKind } from "@sandkeep/jail";
import { DiskError, type DiskFile, type ImportSpec } from "../contract.ts";
import { reserveSpace } from "../pool/disk.ts";
import type { Catalogue } from "./catalogue.ts";
import { unusable } from "./explained.ts";
import { checkLayer } from "./jailed/check.ts";
import { mergeLayers, mostMergedBytes } from "./jailed/merge.ts";
import type { Layers } from "./layers.ts";
import { mostLayerBytes, readLayer } from "./qcow2.ts";
import { deviceBytes } from "./record.ts";

/** Bytes read at once. */
const CHUNK_BYTES = 1024 ** 2;

export class Transfer {
  readonly #catalogue: Catalogue;
  readonly #layers: Layers;
  readonly #jail: JailKind;

  constructor(catalogue: Catalogue, layers: Layers, jail: JailKind) {
    this.#catalogue = catalogue;
    this.#layers = layers;
    this.#jail = jail;
  }

  /** Makes a copy that shares nothing with other disks. It has no name, so that it is gone once it is read, or after a crash. */
  async exportSnapshot(id: string, signal = new AbortController().signal): Promise<DiskFile> {
    signal.throwIfAborted();
    const { kind, layers, capacityBytes } = this.#catalogue.get(id);
    if (kind !== "snapshot")
      throw new DiskError("WRONG_KIND", `${id} is a volume. Make a snapshot of it, and export that.`);
    await using _ = this.#layers.pin(layers);
    const bytes = deviceBytes(capacityBytes);
    for (const name of layers)
      await readLayer(this.#layers.path(name), bytes).catch((cause: Error) => {
        throw unusable(`${id} cannot be exported: layer ${name}`, cause);
      });
    const paths = layers.map((name) => this.#layers.path(name));
    const options = { jail: this.#jail, base: [], layers: paths, bytes, whenIdle: false, signal };
    const mostBytes = await mostMergedBytes(options);
    const merge = async (path: string) => {
      using _ = reserveSpace(this.#layers.dir, mostBytes, { into: [path] });
      await mergeLayers(path, options);
    };
    // Not durable: after a crash nobody has it.
    const merging = this.#layers.createFrozen(bytes, merge, { durable: false });
    await using copy = await merging.catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
    const file = await open(this.#layers.path(copy.name), constants.O_RDONLY | constants.O_NOFOLLOW);
    return { bytes: (await file.stat()).size, data: file.createReadStream({ highWaterMark: CHUNK_BYTES }) };
  }

  /** Makes a volume of a file that anybody may have made: it is as little trusted as what a machine has written. */
  async importVolume({ id, capacityBytes, bootable }: ImportSpec, file: DiskFile): Promise<void> {
    const layer = this.#layers.newName();
    using _ = this.#catalogue.reserve(id);
    // Unless a record has it then, it is removed in the end.
    await using _pin = this.#layers.pin([layer]);
    await this.#write(layer, file, deviceBytes(capacityBytes));
    const layers = [layer];
    await this.#catalogue.put(id, { format: 1, kind: "volume", capacityBytes, bootable, layers, unclean: false });
  }

  async #write(layer: string, { bytes: length, data }: DiskFile, bytes: number): Promise<void> {
    if (length > mostLayerBytes(bytes)) throw invalid(`it has ${length} bytes, more than such a disk can need`);
    const path = this.#layers.path(layer);
    using _ = reserveSpace(this.#layers.dir, length, { into: [path] });
    await this.#layers.receive(layer, sized(data, length));
    const header = await readLayer(path, bytes).catch((error: Error) => {
      throw invalid(error.message);
    });
    if (header.bytes !== bytes) throw invalid(`it is of a disk with ${header.bytes} bytes instead of ${bytes}`);
    const { state, detail } = await checkLayer(path, { jail: this.#jail, mostBytes: bytes });
    if (state === "unknown") throw new DiskError("NOT_CHECKED", `The file could not be checked: ${detail}. Try again.`);
    if (state === "damaged") throw invalid(detail);
  }
}

/** @throws if it is not of this length */
async function* sized(data: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const piece of data) {
    read += piece.length;
    if (read > length) throw invalid("it is longer than it should be");
    yield piece;
  }
  if (read < length) throw invalid("it is shorter than it should be");
}

function invalid(why: string): DiskError {
  return new DiskError("INVALID_FILE", `The file is not an exported disk: ${why}.`);
}
