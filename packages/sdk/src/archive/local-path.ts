import { Buffer, isUtf8 } from "node:buffer";
import { constants } from "node:fs";
import process from "node:process";

/** A path on this machine: as text, or where it is not UTF-8 as bytes. */
export type LocalPath = string | Buffer;

const windows = process.platform === "win32";

/** Whether names on this machine may be any bytes, for which its runtime takes buffers. Deno's does not. */
export const NAMES_ARE_BYTES: boolean = !windows && !("Deno" in globalThis);

/**
 * Whether files can be opened without following a link that has their name. On Windows they cannot: a link out of an archive
 * would lead what follows in it to anywhere. (Most users may not make links there either.)
 */
export const LINKS_ARE_SAFE: boolean = constants.O_NOFOLLOW !== undefined;

/** A name as text if it is text. */
export function nameOf(bytes: Buffer): LocalPath {
  return isUtf8(bytes) ? bytes.toString() : bytes;
}

/** A name in a directory. Unlike `path.join`, it leaves both as they are. */
export function within(directory: LocalPath, name: LocalPath): LocalPath {
  if (typeof directory === "string" && typeof name === "string")
    return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
  return Buffer.concat([Buffer.from(directory), Buffer.from("/"), Buffer.from(name)]);
}

/** A path as text for people. */
export const shown = (path: LocalPath): string => path.toString();

/** What Windows keeps for itself: in any directory, with any extension, these are devices. */
const DEVICES = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\.|$)/i;

/** Why this machine cannot have a file of this name, if it cannot. */
export function unusable(
  name: LocalPath,
  { onWindows = windows, namesAreBytes = NAMES_ARE_BYTES }: { onWindows?: boolean; namesAreBytes?: boolean } = {},
): string | undefined {
  if (typeof name !== "string")
    return namesAreBytes ? undefined : "its name is not UTF-8, which this machine or runtime cannot write";
  if (onWindows && (/[<>:"/\\|?*\u0000-\u001f]|[. ]$/.test(name) || DEVICES.test(name)))
    return "Windows has no such names";
  return undefined;
}

/** Errors of system calls on an open file do not say which it was. */
export function named(error: unknown, path: LocalPath): unknown {
  if (error instanceof Error && "syscall" in error && !("path" in error)) {
    error.message += ` '${shown(path)}'`;
    Object.assign(error, { path: shown(path) });
  }
  return error;
}
