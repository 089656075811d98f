import { END, type Entry, encodeEntry, paddingOf } from "../archive/header.ts";
import { ArchiveReader } from "../archive/reader.ts";
import { writeDirectory } from "../archive/write-directory.ts";

/** A part of an archive for tests. */
export type Part = Partial<Omit<Entry, "name" | "target">> & {
  name: string | Buffer;
  target?: string;
  content?: string;
};

/** An archive as a hostile sandbox may make it. */
export function archive(...parts: Part[]): Buffer {
  const bytes = parts.flatMap(
    ({ name, kind = "file", mode = 0o644, modified = "1000000000.5", target = "", content = "evil", size }) => {
      const body = Buffer.from(kind === "file" ? content : "");
      const header = encodeEntry({
        kind,
        name: Buffer.from(name),
        mode,
        modified,
        size: size ?? body.length,
        target: Buffer.from(target),
      });
      return [header, body, Buffer.alloc(paddingOf(body.length))];
    },
  );
  return Buffer.concat([...bytes, END]);
}

export const root: Part = { kind: "directory", name: "./", mode: 0o755 };
export const folder = (name: string): Part => ({ kind: "directory", name, mode: 0o755 });
export const link = (name: string, target: string): Part => ({ kind: "link", name, target });

/** Writes an archive that arrives in pieces of this size into a directory. @returns what was left out */
export async function write(
  bytes: Buffer | AsyncIterable<Uint8Array>,
  target: string,
  pieceBytes = 64 * 1024,
  source = "/home/app/out",
): Promise<string[]> {
  const skipped: string[] = [];
  const onSkip = (path: string, reason: string) => void skipped.push(`${path}: ${reason}`);
  const pieces = Buffer.isBuffer(bytes) ? cut(bytes, pieceBytes) : bytes;
  await writeDirectory(new ArchiveReader(pieces, onSkip), target, { source, followTarget: false, onSkip });
  return skipped;
}

/** Bytes in chunks of this size. */
export async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
