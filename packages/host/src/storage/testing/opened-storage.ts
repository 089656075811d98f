/** FOR TESTS ONLY: a storage in a folder of its own, with an image, and what it keeps there. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import { LocalStorage } from "../local-storage.ts";

export const IMAGE = { id: "debian-13-0123", bytes: 64 * 1024 ** 2 };

export async function openStorage(dir: string, log = silentLogger): Promise<LocalStorage> {
  const image = join(dir, "root.qcow2");
  if (!existsSync(image)) {
    mkdirSync(dir, { recursive: true });
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, String(IMAGE.bytes)]);
  }
  const findImageDisk = async (id: string) => (id === IMAGE.id ? image : undefined);
  return await LocalStorage.open({ dir: join(dir, "disks"), defaultImage: IMAGE.id, findImageDisk, jail: "full", log });
}

/** Names of the files of layers in a storage's folder. */
export function layerFiles(dir: string): string[] {
  return readdirSync(join(dir, "disks", "layers"));
}

/** A disk's record. */
export function recordOf(dir: string, id: string): { kind: string; layers: string[]; unclean: boolean } {
  return JSON.parse(readFileSync(join(dir, "disks", "records", `${id}.json`), "utf8"));
}

export const layerPath = (dir: string, name: string): string => join(dir, "disks", "layers", `${name}.qcow2`);

/** A disk as qemu-img and qemu-io take it. Only its last layer can be written. */
export function imageOf(dir: string, layers: readonly string[]): string {
  const image = layers.reduce<object | null>(
    (backing, name) => ({ driver: "qcow2", backing, file: { driver: "file", filename: layerPath(dir, name) } }),
    null,
  );
  return `json:${JSON.stringify(image)}`;
}
