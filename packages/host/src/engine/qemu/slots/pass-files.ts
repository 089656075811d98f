/**
 * Gives a QEMU process that runs already further files, as open descriptors over a monitor. So a jail has no folder in
 * which files appear, no file needs other permissions for it, and QEMU can do to a file what the descriptor allows.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { FilePasser } from "./file-passer.ts";

/** QEMU opens a file of a set with exactly the access of one of its descriptors. */
const ACCESS = { read: constants.O_RDONLY, write: constants.O_WRONLY, "read and write": constants.O_RDWR };

export interface PassedFile {
  path: string;
  access: keyof typeof ACCESS;
  /** The set of descriptors that it joins; QEMU opens it as `/dev/fdset/<set>`. */
  set: number;
}

/** One for all machines: starting a program would take longer than what it does. */
const passer = new FilePasser();

/** @param socket the machine's monitor for this */
export async function passFiles(socket: string, files: readonly PassedFile[]): Promise<void> {
  const handles: FileHandle[] = [];
  try {
    for (const { path, access } of files) handles.push(await open(path, ACCESS[access] | constants.O_NOFOLLOW));
    // By these descriptors, whatever is at the paths by then.
    const path = (n: number) => `/proc/${process.pid}/fd/${handles[n]!.fd}`;
    await passer.pass(
      socket,
      files.map(({ set, access }, n) => ({ set, flags: ACCESS[access], path: path(n) })),
    );
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}
