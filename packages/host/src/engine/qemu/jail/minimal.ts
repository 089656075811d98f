/**
 * The jail for where no namespace can be made, as in a container of Docker's defaults: an unprivileged uid of its own (as root),
 * no new privileges, Landlock where the kernel has it, and seccomp filters. Chosen by people only, never by itself.
 */
import { constants, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { become, JAIL_FD, type Jail, type JailFiles, LIMITS } from "./jail.ts";
import type { JailUser } from "./user.ts";

/** A place in the file system, not yet the right to read it (open(2)); Node.js has no name for it. */
const O_PATH = 0o10000000;

/** Given as text: the user who runs it may not be able to reach the file. */
const CONFINE = readFileSync(new URL("confine.pl", import.meta.url), "utf8");

/** Opens the files for the jailed user, who need not be able to reach their folders. */
export async function openMinimalJail({ writable, readable }: JailFiles, user: JailUser | null): Promise<Jail> {
  const files = [...new Set([...readable, ...writable])];
  const handles: FileHandle[] = [];
  try {
    for (const path of files) handles.push(await open(path, O_PATH | constants.O_NOFOLLOW));
  } catch (error) {
    await closeAll(handles);
    throw error;
  }
  const descriptor = (path: string) => JAIL_FD + files.indexOf(path);
  return {
    name: (path) => (files.includes(path) ? `/proc/self/fd/${descriptor(path)}` : path),
    descriptors: handles.map(({ fd }) => fd),
    reportsPid: false,
    wrap: (command) => [
      ...LIMITS,
      ...become(user),
      "perl",
      "-e",
      CONFINE,
      "--",
      ...files.map((path) => `${writable.includes(path) ? "w" : "r"}=${descriptor(path)}`),
      "--",
      ...command,
    ],
    [Symbol.asyncDispose]: () => closeAll(handles),
  };
}

async function closeAll(handles: FileHandle[]): Promise<void> {
  await Promise.all(handles.map((handle) => handle.close()));
}
