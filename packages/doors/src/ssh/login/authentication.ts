import type { AuthContext, ParsedKey, PublicKeyAuthContext } from "ssh2";
import type { SshDoor, SshDoors } from "../contract.ts";
import { fingerprint } from "../keys/host-key.ts";
import { MAX_USERNAME_CHARS } from "../limits.ts";
import { utils } from "../ssh2.ts";

/** What an attempt to log in deserves. */
export type Verdict =
  /** `key` is the fingerprint of the key, if the door asks for one. */
  | { kind: "login"; door: SshDoor; key: string | null }
  /** The key is right; now the client has to prove that it is its own. */
  | { kind: "prove" }
  | { kind: "refuse" }
  /** Refuse: there is no such user name. */
  | { kind: "unknown" };

/** Judges one client's attempts to log in, and notices from the first of them on when the door closes. */
export class Authentication implements Disposable {
  readonly #doors: SshDoors;
  readonly #closed: () => void;
  #username: string | null = null;
  #door: Promise<SshDoor | undefined> = Promise.resolve(undefined);
  #registration: Disposable | null = null;
  #isOver = false;

  /** @param closed Called when the door closes that the client has named. */
  constructor(doors: SshDoors, closed: () => void) {
    this.#doors = doors;
    this.#closed = closed;
  }

  /** The client is gone: the door does not matter any more. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#registration?.[Symbol.dispose]();
    this.#registration = null;
  }

  async judge(attempt: AuthContext): Promise<Verdict> {
    const door = await this.#find(attempt.username);
    if (!door) return { kind: "unknown" };
    const isProof = attempt.method === "publickey" && attempt.signature !== undefined;
    if (door.authorizedKeys.length === 0) {
      // A client that offers a key although none is needed signs next.
      return attempt.method !== "publickey" || isProof ? { kind: "login", door, key: null } : { kind: "prove" };
    }
    if (attempt.method !== "publickey") return { kind: "refuse" };
    const key = offered(attempt, door.authorizedKeys);
    if (!key || signsWithSha1(key, attempt)) return { kind: "refuse" };
    if (!isProof) return { kind: "prove" };
    if (!proves(attempt, key)) return { kind: "refuse" };
    return { kind: "login", door, key: fingerprint(key.getPublicSSH()) };
  }

  /** A client has one user name. */
  #find(username: string): Promise<SshDoor | undefined> {
    if (this.#username === null) {
      this.#username = username;
      if (username.length <= MAX_USERNAME_CHARS) this.#door = this.#watched(username);
    }
    return username === this.#username ? this.#door : Promise.resolve(undefined);
  }

  /** A login may take minutes, in which the door must not close unnoticed. */
  async #watched(username: string): Promise<SshDoor | undefined> {
    const door = await this.#doors.find(username);
    if (door && !this.#isOver) this.#registration = door.onClose(this.#closed);
    return door;
  }
}

/** The authorised key that a client offers. */
function offered({ key }: PublicKeyAuthContext, lines: readonly string[]): ParsedKey | null {
  for (const line of lines) {
    const known = parseAuthorizedKey(line);
    if (known?.getPublicSSH().equals(key.data)) return known;
  }
  return null;
}

function proves({ blob, signature, hashAlgo }: PublicKeyAuthContext, key: ParsedKey): boolean {
  return blob !== undefined && signature !== undefined && key.verify(blob, signature, hashAlgo) === true;
}

/** RSA keys are offered together with a hash; the oldest way to do that, `ssh-rsa`, means SHA-1. Forgeries of that are affordable. */
function signsWithSha1({ type }: ParsedKey, { hashAlgo }: PublicKeyAuthContext): boolean {
  return type === "ssh-rsa" && hashAlgo === undefined;
}

/** Types of keys. Not DSA, which is too short, and always signs SHA-1. */
const TYPES = /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))$/;

/** The key of a line as in `authorized_keys`, without options; null if it is none that can be used. */
export function parseAuthorizedKey(line: string): ParsedKey | null {
  const key = utils.parseKey(line);
  return key instanceof Error || key.isPrivateKey() || !TYPES.test(key.type) ? null : key;
}
