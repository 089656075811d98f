import { fileURLToPath } from "node:url";

/** A path as it crosses the wire. A URL must be a `file:` URL. */
export function toPath(path: string | URL): string {
  return typeof path === "string" ? path : fileURLToPath(path);
}
