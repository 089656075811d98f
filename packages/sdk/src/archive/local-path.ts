import { Buffer, isUtf8 } from "node:buffer";
import { constants } from "node:fs";
import process from "node:process";

/** A local path: text, or bytes if it is not UTF-8. */
export type LocalPath = string | Buffer;

const windows = process.platform === "win32";

/** Whether local names may be arbitrary bytes, which Node accepts as buffers. Deno does not. */
export const NAMES_ARE_BYTES: boolean = !windows && !("Deno" in globalThis);

/**
 * Whether files can be opened without following a link of the same name. On Windows they cannot: a link from an archive could
 * redirect later entries of the archive to anywhere. (Most Windows users may not create links anyway.)
 */
export const LINKS_ARE_SAFE: boolean = constants.O_NOFOLLOW !== undefined;

/** A name as text if it is UTF-8. */
export function nameOf(bytes: Buffer): LocalPath {
  return isUtf8(bytes) ? bytes.toString() : bytes;
}

/** The path of a name in a directory. Unlike `path.join`, it does not normalise either. */
export function within(directory: LocalPath, name: LocalPath): LocalPath {
  if (typeof directory === "string" && typeof name === "string")
    return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
  return Buffer.concat([Buffer.from(directory), Buffer.from("/"), Buffer.from(name)]);
}

/** A path as text for messages. */
export const shown = (path: LocalPath): string => path.toString();

/** Names that Windows reserves for devices, in every directory and with every extension. */
const DEVICES = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\.|$)/i;

/** Why this computer cannot have a file of this name; undefined if it can. */
export function unusable(
  name: LocalPath,
  { onWindows = windows, namesAreBytes = NAMES_ARE_BYTES }: { onWindows?: boolean; namesAreBytes?: boolean } = {},
): string | undefined {
  if (typeof name !== "string")
    return namesAreBytes ? undefined : "its name is not UTF-8, which this computer or runtime cannot write";
  if (onWindows && (/[<>:"/\\|?*\u0000-\u001f]|[. ]$/.test(name) || DEVICES.test(name)))
    return "Windows has no such names";
  return undefined;
}

/** Adds the path to the error of a system call on an open file, which does not name it. */
export function named(error: unknown, path: LocalPath): unknown {
  if (error instanceof Error && "syscall" in error && !("path" in error)) {
    error.message += ` '${shown(path)}'`;
    Object.assign(error, { path: shown(path) });
  }
  return error;
}
