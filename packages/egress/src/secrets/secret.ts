import type { SealedSecret } from "../contract.ts";
import { matches, type Pattern, parseNamePattern } from "../policy/mod.ts";
import { Placeholders } from "./placeholder.ts";
import type { Sealer } from "./seal.ts";

/** A decrypted secret. Exists only in the proxy's memory. */
export interface Secret {
  /** Name of the environment variable. */
  name: string;
  placeholder: string;
  /** The value in UTF-8. */
  value: Buffer;
  /** The hosts that may receive it. */
  hosts: readonly Pattern[];
  /** Whether it is also substituted in bodies. */
  inBody: boolean;
}

/** The secrets of one sandbox. Immutable: an update creates a new set. */
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
   * Decrypts the secrets in a spec.
   *
   * @throws {SealError} if a value cannot be decrypted
   * @throws {PatternError} if a host pattern is invalid
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
   * The secrets that a host may receive.
   *
   * @param name in canonical form. The caller must ensure that it is the name that was dialled, with verified TLS.
   */
  approvedFor(name: string, port: number): Secret[] {
    return this.all.filter(({ hosts }) => hosts.some((host) => matches(host, { name }, port)));
  }

  /** The secret that a placeholder of this sandbox stands for. */
  byPlaceholder(placeholder: string): Secret | undefined {
    return this.#byPlaceholder.get(placeholder);
  }
}
