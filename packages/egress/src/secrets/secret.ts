import type { SealedSecret } from "../contract.ts";
import { matches, type Pattern, parseNamePattern } from "../policy/mod.ts";
import { Placeholders } from "./placeholder.ts";
import type { Sealer } from "./seal.ts";

/** A secret that has been opened. Lives in the proxy's memory only. */
export interface Secret {
  /** Of the environment variable. */
  name: string;
  placeholder: string;
  /** UTF-8. */
  value: Buffer;
  /** The hosts that may get it. */
  hosts: readonly Pattern[];
  /** Whether it is put into bodies too. */
  inBody: boolean;
}

/** The secrets of one sandbox. Never changes: an update makes a new one. */
export class SecretSet {
  readonly all: readonly Secret[];
  readonly placeholders: Placeholders;
  readonly #byPlaceholder: ReadonlyMap<string, Secret>;

  constructor(secrets: readonly Secret[]) {
    this.all = Object.freeze([...secrets]);
    this.placeholders = new Placeholders(secrets.map(({ placeholder }) => placeholder));
    this.#byPlaceholder = new Map(secrets.map((secret) => [secret.placeholder, secret]));
  }

  /**
   * Opens what the control plane keeps.
   *
   * @throws {SealError} when a value does not open.
   * @throws {PatternError} when the pattern of a host is none.
   */
  static open(sealed: readonly SealedSecret[], sealer: Sealer): SecretSet {
    return new SecretSet(
      sealed.map((secret) => ({
        name: secret.name,
        placeholder: secret.placeholder,
        value: Buffer.from(sealer.open(secret.sealed, secret.placeholder), "utf8"),
        hosts: secret.hosts.map(parseNamePattern),
        inBody: secret.in.includes("body"),
      })),
    );
  }

  /**
   * The secrets that a host may get.
   *
   * @param name In canonical form. It has to be the name that was dialled, over TLS that was verified; the caller sees to it.
   */
  approvedFor(name: string, port: number): Secret[] {
    return this.all.filter(({ hosts }) => hosts.some((host) => matches(host, { name }, port)));
  }

  /** The secret that a placeholder of this sandbox stands for. */
  byPlaceholder(placeholder: string): Secret | undefined {
    return this.#byPlaceholder.get(placeholder);
  }
}
