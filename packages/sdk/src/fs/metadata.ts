import type { WireFileInfo } from "../transport/methods.ts";
import type { FileInfo } from "./types.ts";

/** Metadata from its form on the wire. */
export function toFileInfo(wire: WireFileInfo): FileInfo {
  return {
    ...wire,
    mtime: new Date(wire.mtime),
    atime: new Date(wire.atime),
    birthtime: new Date(wire.birthtime),
    ctime: new Date(wire.ctime),
  };
}

/** A time in its form on the wire. A number is in seconds since 1970, as in Deno. */
export function toTime(time: number | Date): string {
  return (typeof time === "number" ? new Date(time * 1000) : time).toISOString();
}
