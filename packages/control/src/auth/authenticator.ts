import type { Actor, Scope } from "@sandkeep/protocol";
import { ApiError } from "@sandkeep/protocol";
import type { TokenRecord, TokenStore } from "@sandkeep/store";
import { type Lease, Leases, TokenEnded } from "./lease.ts";
import { hashToken } from "./token.ts";

/** How often the times of last use are written, milliseconds. They inform people, so losing a few seconds is fine. */
const TOUCH_EVERY_MS = 5_000;
/** How often tokens with something open are looked up again, milliseconds: another server on the same store may have revoked them. */
const RECHECK_EVERY_MS = 5_000;

/** The caller: a token, and the organisation that it belongs to. */
export interface Principal {
  organisation: { id: string; slug: string };
  token: { id: string; name: string; scope: Scope; expiresAt: number | null };
  /** The same, as events name it. */
  actor: Actor;
}

/** On whose behalf something is done; it may be the server's own doing. */
export type Owner = Pick<Principal, "organisation" | "actor">;

/** Identifies the caller. Looks up every token in the store, so a revocation takes effect with the next request. */
export class Authenticator implements AsyncDisposable {
  readonly #tokens: TokenStore;
  readonly #leases = new Leases();
  #lastUsed = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[];

  constructor(tokens: TokenStore, recheckEveryMs = RECHECK_EVERY_MS) {
    this.#tokens = tokens;
    this.#timers = [
      setInterval(() => void this.#touch().catch(() => {}), TOUCH_EVERY_MS).unref(),
      setInterval(() => void this.#recheck().catch(() => {}), recheckEveryMs).unref(),
    ];
  }

  /**
   * @param token The token from the request, whichever header it came in.
   * @param organisation The header `X-Deno-Org`; if present, it must name the token's own organisation.
   * @throws {ApiError} `NOT_AUTHENTICATED`, `INVALID_TOKEN`, `TOKEN_EXPIRED` or `ORGANISATION_MISMATCH`.
   */
  async authenticate(token: string | undefined, organisation?: string | undefined): Promise<Principal> {
    if (token === undefined) throw new ApiError("NOT_AUTHENTICATED");
    const hash = hashToken(token);
    const record = hash === null ? null : await this.#tokens.findByHash(hash);
    if (!record || record.revokedAt !== null) throw new ApiError("INVALID_TOKEN");
    const now = Date.now();
    if (hasExpired(record, now)) throw new ApiError("TOKEN_EXPIRED");
    if (
      organisation !== undefined &&
      organisation !== record.organisation.slug &&
      organisation !== record.organisation.id
    ) {
      throw new ApiError("ORGANISATION_MISMATCH");
    }
    this.#lastUsed.set(record.id, now);
    const { id, name, scope, expiresAt } = record;
    return {
      organisation: record.organisation,
      token: { id, name, scope, expiresAt },
      actor: { kind: "token", id, name },
    };
  }

  /**
   * Checks again after a wait: the token may have ended since.
   *
   * @throws {TokenEnded}
   */
  async confirm({ token: { id } }: Principal): Promise<void> {
    const record = await this.#tokens.find(null, id);
    if (!record || record.revokedAt !== null) throw new TokenEnded("revoked");
    if (hasExpired(record, Date.now())) throw new TokenEnded("expired");
  }

  /**
   * For anything that stays open longer than one answer: it learns when the token ends.
   *
   * @throws {TokenEnded} if the token has ended since it was looked up.
   */
  async lease(principal: Principal): Promise<Lease> {
    // Taken before the second check, so that no revocation is missed.
    const lease = this.#leases.take(principal.token.id, principal.token.expiresAt);
    try {
      await this.confirm(principal);
      return lease;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  /** Ends everything that is open under a token. Its record already says that it is revoked. */
  revoked(token: string): void {
    this.#leases.revoke(token);
  }

  async #recheck(): Promise<void> {
    for (const token of this.#leases.tokens) {
      const record = await this.#tokens.find(null, token);
      if (!record || record.revokedAt !== null) this.#leases.revoke(token);
    }
  }

  async #touch(): Promise<void> {
    const used = this.#lastUsed;
    this.#lastUsed = new Map();
    await this.#tokens.touch(used);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#leases[Symbol.dispose]();
    await this.#touch();
  }
}

/** The token in a header `Authorization`. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

const hasExpired = ({ expiresAt }: TokenRecord, now: number) => expiresAt !== null && expiresAt <= now;
