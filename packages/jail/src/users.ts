/**
 * Users of jailed processes when the server is root: one per process, so that none can signal, trace or read another.
 */

export interface JailUser {
  uid: number;
  gid: number;
}

/** Users that one kind of process may have. */
export class JailUsers {
  readonly #first: number;
  readonly #count: number;
  readonly #taken = new Set<number>();
  #next: number;

  /** @param first the first uid */
  constructor(first: number, count: number) {
    this.#first = first;
    this.#count = count;
    // Servers on the same computer do not know of each other's processes.
    this.#next = Math.floor(Math.random() * count);
  }

  /**
   * Reserves an unprivileged user for one process until it is released. Null if we are not root; the process then runs
   * as our user.
   */
  take(): JailUser | null {
    if (process.getuid?.() !== 0) return null;
    let uid: number;
    do uid = this.#first + (this.#next++ % this.#count);
    while (this.#taken.has(uid));
    this.#taken.add(uid);
    return { uid, gid: uid };
  }

  /** Marks the user of a process from an earlier run as taken. */
  reserve(uid: number): void {
    this.#taken.add(uid);
  }

  /** The process has ended: its user may be reused. */
  release(uid: number | undefined): void {
    if (uid !== undefined) this.#taken.delete(uid);
  }
}

const FIRST_UID = 1_879_048_192;
const UIDS = 65_536;

export const MACHINE_USERS = new JailUsers(FIRST_UID, UIDS);
/** Other users than those of machines, which may be adopted after the proxies have started. */
export const PROXY_USERS = new JailUsers(FIRST_UID + UIDS, UIDS);
