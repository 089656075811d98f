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

/** Judges one client's attempts to log in. */
export class Authentication {
  readonly #doors: SshDoors;
  #username: string | null = null;
  #door: Promise<SshDoor | undefined> = Promise.resolve(undefined);

  constructor(doors: SshDoors) {
    this.#doors = doors;
  }

  async judge(attempt: AuthContext): Promise<Verdict> {
    const door = await this.#find(attempt.username);
    if (!door) return { kind: "unknown" };
    const isProof = attempt.method === "publickey" && attempt.signature !== undefined;
    if (door.authorizedKeys.length === 0) {
      // A client that offers a key although none is needed signs next.
      return attempt.method !== "publickey" || isProof ? { kind: "login", door, key: null } : { kind: "prove" };
    }
    const key = attempt.method === "publickey" ? offered(attempt, door.authorizedKeys) : null;
    if (!key) return { kind: "refuse" };
    if (!isProof) return { kind: "prove" };
    if (!proves(attempt, key)) return { kind: "refuse" };
    return { kind: "login", door, key: fingerprint(key.getPublicSSH()) };
  }

  /** A client has one user name. */
  #find(username: string): Promise<SshDoor | undefined> {
    if (this.#username === null) {
      this.#username = username;
      if (username.length <= MAX_USERNAME_CHARS) this.#door = this.#doors.find(username);
    }
    return username === this.#username ? this.#door : Promise.resolve(undefined);
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

/** The key of a line as in `authorized_keys`, without options; null if it is none. */
export function parseAuthorizedKey(line: string): ParsedKey | null {
  const key = utils.parseKey(line);
  return key instanceof Error || key.isPrivateKey() ? null : key;
}
