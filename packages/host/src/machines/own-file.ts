/** Small files in folders that are the server's alone: replaced as a whole, and read only if nobody else can have written them. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const { O_NOFOLLOW, O_RDONLY } = constants;
/** Records are short; what is longer is none, in bytes. */
const MAX_BYTES = 64 * 1024;

/** Atomic: a reader sees all of it, or what was there before. Of several at the same time, one comes last, whole. */
export async function writeOwnFile(dir: string, name: string, text: string): Promise<void> {
  const path = join(dir, name);
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Null when it is missing, or is a link, another user's, or one that others may write. */
export async function readOwnFile(dir: string, name: string): Promise<string | null> {
  const file = await open(join(dir, name), O_RDONLY | O_NOFOLLOW).catch(() => null);
  if (!file) return null;
  try {
    const stat = await file.stat();
    const ours = stat.isFile() && stat.uid === process.getuid!() && (stat.mode & 0o022) === 0 && stat.size <= MAX_BYTES;
    return ours ? await file.readFile("utf8") : null;
  } finally {
    await file.close();
  }
}
