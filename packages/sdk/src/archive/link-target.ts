import { Buffer } from "node:buffer";
import { type LocalPath, nameOf } from "./local-path.ts";

/**
 * What a copied link is to hold: an absolute path of something in the directory that is copied becomes a relative one, which is
 * right in the copy, too. Any other stays.
 *
 * @param source the directory, as an absolute path
 * @param depth how many directories are between it and the link
 */
export function relativeInside(target: Buffer, source: string, depth: number): LocalPath {
  const prefix = Buffer.from(source.endsWith("/") ? source : `${source}/`);
  const whole = target.equals(prefix.subarray(0, -1));
  if (prefix.length === 1 || (!whole && !target.subarray(0, prefix.length).equals(prefix))) return nameOf(target);
  const rest = whole ? Buffer.from(".") : target.subarray(prefix.length);
  return nameOf(Buffer.concat([Buffer.from("../".repeat(depth)), rest]));
}
