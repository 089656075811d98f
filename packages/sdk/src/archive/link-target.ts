import { Buffer } from "node:buffer";
import { type LocalPath, nameOf } from "./local-path.ts";

/**
 * The target of a copied link. An absolute path into the copied directory becomes relative, so that it is also right in the
 * copy. Other targets stay as they are.
 *
 * @param source absolute path of the directory
 * @param depth number of directories between it and the link
 */
export function relativeInside(target: Buffer, source: string, depth: number): LocalPath {
  const prefix = Buffer.from(source.endsWith("/") ? source : `${source}/`);
  const whole = target.equals(prefix.subarray(0, -1));
  if (prefix.length === 1 || (!whole && !target.subarray(0, prefix.length).equals(prefix))) return nameOf(target);
  const rest = whole ? Buffer.from(".") : target.subarray(prefix.length);
  return nameOf(Buffer.concat([Buffer.from("../".repeat(depth)), rest]));
}
