/** A file or directory of a cpio archive. */
export interface CpioEntry {
  /** Relative, without a leading slash. Parents precede their children. */
  path: string;
  /** Permission bits, such as 0o755. */
  mode: number;
  /** Absent: a directory. */
  content?: Uint8Array;
}

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";
const DIRECTORY = 0o040000;
const REGULAR = 0o100000;
/** Header and content are padded to a multiple of this (cpio(5), "New ASCII Format"). */
const ALIGNMENT = 4;

/**
 * A cpio archive in "newc" format, which the kernel reads as an initramfs. It depends only on the entries: owner and
 * times are 0, and inode numbers count up.
 */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  let inode = 0;
  const append = (path: string, mode: number, links: number, content: Uint8Array) => {
    const name = Buffer.from(`${path}\0`);
    inode += 1;
    // Inode, mode, uid, gid, links, mtime, size, device (2), rdev (2), length of the name, checksum (unused).
    const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
    parts.push(padded(Buffer.concat([Buffer.from(header), name])), padded(content));
  };
  for (const { path, mode, content } of entries) {
    if (content) append(path, REGULAR | mode, 1, content);
    else append(path, DIRECTORY | mode, 2, new Uint8Array());
  }
  append(TRAILER, 0, 1, new Uint8Array());
  return Buffer.concat(parts);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & (ALIGNMENT - 1))]);
}
