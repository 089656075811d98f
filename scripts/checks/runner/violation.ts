/** Something that is not as the rules have it. */
export interface Violation {
  /** A file or folder from the root of the repository, perhaps with a line. */
  where: string;
  what: string;
}
