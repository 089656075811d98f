/** Why the server closes a connection for good, by its code, and what a person can do about it. `again`: by connecting once more. */
const OPEN = "makes another link.";

export const FINAL = new Map([
  [1000, { state: "ended", remedy: OPEN }],
  [4001, { state: "no link", remedy: OPEN }],
  [4002, { state: "ended", remedy: OPEN }],
  [4003, { state: "sandbox ended", remedy: "" }],
  [4004, { state: "sandbox paused", remedy: "once it has been resumed." }],
  [4005, { state: "not allowed", remedy: OPEN }],
  [4006, { state: "elsewhere", remedy: "", again: true }],
  [4008, { state: "failed", remedy: OPEN }],
  [4011, { state: "failed", remedy: OPEN }],
]);
