/** What was killed in a round. */
export interface Crash {
  what: "machines" | "server" | "everything";
  /** Of machines: the ids of their sandboxes. */
  victims: ReadonlySet<string>;
}
