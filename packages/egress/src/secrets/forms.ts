/** One way in which a needle can be written. */
export interface Form {
  /** Which needle, by its place in the list. */
  needle: number;
  kind: "plain" | "base64" | "hex";
  bytes: Buffer;
}

/** The forms of a list of needles. */
export function formsOf(needles: readonly Buffer[]): Form[] {
  return needles.map((bytes, needle) => ({ needle, kind: "plain", bytes }));
}
