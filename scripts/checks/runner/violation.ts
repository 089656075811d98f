/** A violation of the rules. */
export interface Violation {
  /** A file or folder relative to the repository's root, optionally with a line. */
  where: string;
  what: string;
}
