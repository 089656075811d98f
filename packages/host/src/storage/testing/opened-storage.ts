/** FOR TESTS ONLY: a storage in a folder of its own, with an image, and what it keeps there. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import { LocalStorage } from "../local-storage.ts";
import type { LocalStorageOptions } from "../options.ts";

export const IMAGE = { id: "debian-13-0123", bytes: 64 * 1024 ** 2 };

export async function openStorage(
  dir: string,
  log = silentLogger,
  options: Partial<LocalStorageOptions> = {},
): Promise<LocalStorage> {
  const image = join(dir, "root.qcow2");
  if (!existsSync(image)) {
    mkdirSync(dir, { recursive: true });
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, String(IMAGE.bytes)]);
  }
  const findImageDisk = async (id: string) => (id === IMAGE.id ? image : undefined);
  const given = { dir: join(dir, "disks"), defaultImage: IMAGE.id, findImageDisk, jail: "full", log } as const;
  return await LocalStorage.open({ ...given, ...options });
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

/** Locks a layer as a QEMU does that nobody else may read or write beside it, until disposed. */
export async function lockLayer(path: string): Promise<AsyncDisposable> {
  // Bytes from 200 stand for what nobody else may do. 37 is F_OFD_SETLK.
  const lock = `
    open $f, "<", shift or die "$!"; $lock = pack("ssx4qqi", 0, 0, 200, 5, 0);
    fcntl($f, 37, $lock) or die "$!"; $| = 1; print "locked"; sleep`;
  const holder = spawn("perl", ["-e", lock, path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  return {
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await once(holder, "close");
    },
  };
}
