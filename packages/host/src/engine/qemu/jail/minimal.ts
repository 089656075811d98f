/**
 * The jail for computers where no namespace can be created, such as a container with Docker's defaults: its own
 * unprivileged uid (as root), no new privileges, Landlock if the kernel has it, and seccomp filters. It must be chosen
 * explicitly.
 */
import { constants, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { become, JAIL_FD, type Jail, type JailFiles, LIMITS } from "./jail.ts";
import type { JailUser } from "./user.ts";

/** Opens a path without requiring read permission (open(2)); Node.js has no name for this flag. */
const O_PATH = 0o10000000;

/** Passed as text, because the user who runs it may not be able to read the file. */
const CONFINE = readFileSync(new URL("confine.pl", import.meta.url), "utf8");

/** Opens the files for the jailed user, who may not be able to reach their folders. */
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
