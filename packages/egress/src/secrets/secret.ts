import type { SealedSecret } from "../contract.ts";
import { matches, type Pattern, parseNamePattern } from "../policy/mod.ts";
import { Placeholders } from "./placeholder.ts";
import type { Sealer } from "./seal.ts";

/** A decrypted secret. Exists only in the proxy's memory. */
export interface Secret {
  /** Name of the environment variable. */
  name: string;
  placeholder: string;
  /** Further placeholders that stand for it in requests. */
  aliases?: readonly string[];
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
  /** Every placeholder with its secret: first each secret's own, then the aliases. */
  readonly spellings: readonly { placeholder: string; secret: Secret }[];
  readonly #byPlaceholder: ReadonlyMap<string, Secret>;

  constructor(secrets: readonly Secret[]) {
    this.all = Object.freeze([...secrets]);
    const aliases = secrets.flatMap((secret) => (secret.aliases ?? []).map((placeholder) => ({ placeholder, secret })));
    this.spellings = [...secrets.map((secret) => ({ placeholder: secret.placeholder, secret })), ...aliases];
    this.placeholders = new Placeholders(this.spellings.map(({ placeholder }) => placeholder));
    // A secret's own placeholder comes before another's alias.
    this.#byPlaceholder = new Map(this.spellings.toReversed().map(({ placeholder, secret }) => [placeholder, secret]));
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
        aliases: secret.aliases ?? [],
        value: Buffer.from(sealer.open(secret.sealed, secret.sealedFor ?? secret.placeholder), "utf8"),
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
