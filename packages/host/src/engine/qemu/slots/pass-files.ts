/**
 * Gives a QEMU process that runs already further files, as open descriptors over a monitor. So a jail has no folder in
 * which files appear, no file needs other permissions for it, and QEMU can do to a file what the descriptor allows.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FilePasser, FileToPass } from "./file-passer.ts";

/** QEMU opens a file of a set with exactly the access of one of its descriptors. */
const ACCESS = { read: constants.O_RDONLY, write: constants.O_WRONLY, "read and write": constants.O_RDWR };

export interface PassedFile {
  path: string;
  access: keyof typeof ACCESS;
  /** The set of descriptors that it joins; QEMU opens it as `/dev/fdset/<set>`. */
  set: number;
}

/** @param socket the machine's monitor for this */
export async function passFiles(passer: FilePasser, socket: string, files: readonly PassedFile[]): Promise<void> {
  // They stay open, so that their numbers on the disk cannot become those of other files meanwhile.
  await using handles = new AsyncDisposableStack();
  const identified: FileToPass[] = [];
  for (const { path, access, set } of files) {
    const flags = ACCESS[access] | constants.O_NOFOLLOW;
    const { dev, ino } = await handles.use(await open(path, flags)).stat({ bigint: true });
    identified.push({ set, flags, path, dev, ino });
  }
  await passer.pass(socket, identified);
}
