/**
 * Users of jailed processes when the server is root: one per machine, so that no machine can signal, trace or read
 * another.
 */

const FIRST_UID = 1_879_048_192;
const UIDS = 65_536;

export interface JailUser {
  uid: number;
  gid: number;
}

let next = Math.floor(Math.random() * UIDS);
const taken = new Set<number>();

/**
 * Reserves an unprivileged user for one process until it is released. Null if we are not root; the process then runs as
 * our user.
 */
export function jailUser(): JailUser | null {
  if (process.getuid?.() !== 0) return null;
  let uid: number;
  do uid = FIRST_UID + (next++ % UIDS);
  while (taken.has(uid));
  taken.add(uid);
  return { uid, gid: uid };
}

/** Marks the user of a machine from an earlier run as taken. */
export function reserveUser(uid: number): void {
  taken.add(uid);
}

/** The process has ended: its user may be reused. */
export function releaseUser(uid: number | undefined): void {
  if (uid !== undefined) taken.delete(uid);
}
