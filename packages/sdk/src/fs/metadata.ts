import type { WireFileInfo } from "../transport/methods.ts";
import type { FileInfo } from "./types.ts";

/** The metadata that the wire describes. */
export function toFileInfo(wire: WireFileInfo): FileInfo {
  return {
    ...wire,
    mtime: new Date(wire.mtime),
    atime: new Date(wire.atime),
    birthtime: new Date(wire.birthtime),
    ctime: new Date(wire.ctime),
  };
}

/** A time as it crosses the wire. A number counts seconds since 1970, as in Deno. */
export function toTime(time: number | Date): string {
  return (typeof time === "number" ? new Date(time * 1000) : time).toISOString();
}
