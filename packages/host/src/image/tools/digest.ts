import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";

/** SHA-256 of values, as hexadecimal digits; boundaries between values count. */
export function digestOf(...values: string[]): string {
  return createHash("sha256").update(JSON.stringify(values)).digest("hex");
}

/** SHA-256 of a file's content. */
export async function digestOfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  return hash.digest("hex");
}

/**
 * SHA-256 over the files below a directory: names, contents and whether they are executable. It ignores times, owners
 * and other permissions, which a checkout may change, and files for whose relative path `skip` returns true.
 */
export async function digestOfTree(dir: string, skip: (path: string) => boolean = () => false): Promise<string> {
  const found = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .filter((path) => !skip(path))
    .sort();
  const hash = createHash("sha256");
  for (const path of paths) {
    const [content, { mode }] = await Promise.all([readFile(join(dir, path)), stat(join(dir, path))]);
    hash.update(JSON.stringify([path, (mode & 0o100) !== 0, content.length]));
    hash.update(content);
  }
  return hash.digest("hex");
}
