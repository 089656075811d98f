/**
 * Gives a QEMU process that runs already further files, as open descriptors over a monitor. So a jail has no folder in
 * which files appear, no file needs other permissions for it, and QEMU can do to a file what the descriptor allows.
 */
import { spawn } from "node:child_process";
import { constants, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Passed as text: reading it from a file would take a descriptor. */
const PASS = readFileSync(new URL("pass-files.pl", import.meta.url), "utf8");
/** How much of its error output is kept. */
const MAX_ERROR_CHARS = 2_000;

/** QEMU opens a file of a set with exactly the access of one of its descriptors. */
const ACCESS = { read: constants.O_RDONLY, write: constants.O_WRONLY, "read and write": constants.O_RDWR };

export interface PassedFile {
  path: string;
  access: keyof typeof ACCESS;
  /** The set of descriptors that it joins; QEMU opens it as `/dev/fdset/<set>`. */
  set: number;
}

/** @param socket the machine's monitor for this */
export async function passFiles(socket: string, files: readonly PassedFile[]): Promise<void> {
  const handles: FileHandle[] = [];
  try {
    for (const { path, access } of files) handles.push(await open(path, ACCESS[access] | constants.O_NOFOLLOW));
    const child = spawn("perl", ["-e", PASS, "--", socket, ...files.map(({ set }) => String(set))], {
      stdio: ["ignore", "ignore", "pipe", ...handles.map(({ fd }) => fd)],
    });
    // If descriptors have run out, it has no streams, and what follows fails before it listens.
    child.on("error", () => {});
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, MAX_ERROR_CHARS)));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (code !== 0) throw new Error(`QEMU could not be given files: ${said.trim() || "it did not answer"}`);
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}
