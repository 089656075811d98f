/** Users of jailed processes when the server is root: one for each machine, so that none may signal, trace or read another. */

const FIRST_UID = 1_879_048_192;
const UIDS = 65_536;

export interface JailUser {
  uid: number;
  gid: number;
}

let next = Math.floor(Math.random() * UIDS);
const taken = new Set<number>();

/** An unprivileged user for one process, until it is released; null when we are not root, and the process runs as we do. */
export function jailUser(): JailUser | null {
  if (process.getuid?.() !== 0) return null;
  let uid: number;
  do uid = FIRST_UID + (next++ % UIDS);
  while (taken.has(uid));
  taken.add(uid);
  return { uid, gid: uid };
}

/** The user of a machine that a former run of ours started is not given to another one. */
export function reserveUser(uid: number): void {
  taken.add(uid);
}

/** The process is gone: its user may be another's some day. */
export function releaseUser(uid: number | undefined): void {
  if (uid !== undefined) taken.delete(uid);
}
