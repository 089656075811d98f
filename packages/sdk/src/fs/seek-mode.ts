/**
 * The position from which an offset of {@linkcode FsFile.seek} counts.
 *
 * @example
 * ```ts
 * import { Sandbox, SeekMode } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * await using file = await sandbox.fs.open("digits.txt", { read: true, write: true, create: true });
 * await file.write(new TextEncoder().encode("0123456789"));
 * assert.equal(await file.seek(-3, SeekMode.End), 7);
 * ```
 */
export const SeekMode = {
  /** The beginning of the file. */
  Start: 0,
  /** The current position. */
  Current: 1,
  /** The end of the file. */
  End: 2,
  0: "Start",
  1: "Current",
  2: "End",
} as const;

/** One of the three positions. */
export type SeekMode = 0 | 1 | 2;

export declare namespace SeekMode {
  /** Type of `SeekMode.Start`. */
  type Start = 0;
  /** Type of `SeekMode.Current`. */
  type Current = 1;
  /** Type of `SeekMode.End`. */
  type End = 2;
}
