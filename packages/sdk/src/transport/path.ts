import { fileURLToPath } from "node:url";

/** A path in its form on the wire. A URL must be a `file:` URL. */
export function toPath(path: string | URL): string {
  return typeof path === "string" ? path : fileURLToPath(path);
}
