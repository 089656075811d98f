import type { Actor } from "@sandkeep/protocol";
import { ApiError } from "@sandkeep/protocol";
import type { TokenStore } from "../store/contract.ts";
import { hashToken } from "./token.ts";

/** How often the times of last use are written, milliseconds. They are for people, so a few seconds may be lost. */
const TOUCH_EVERY_MS = 5_000;

/** Who is asking: a token, and the organisation that it belongs to. */
export interface Principal {
  organisation: { id: string; slug: string };
  token: { id: string; name: string; admin: boolean };
  /** The same, as events name it. */
  actor: Actor;
}

/** Says who is asking. Looks every token up in the store, so a revocation counts from the next request on. */
export class Authenticator implements AsyncDisposable {
  readonly #tokens: TokenStore;
  #lastUsed = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(tokens: TokenStore) {
    this.#tokens = tokens;
    this.#timer = setInterval(() => void this.#touch().catch(() => {}), TOUCH_EVERY_MS);
    this.#timer.unref();
  }

  /**
   * @param authorization The header `Authorization`.
   * @param organisation The header `X-Deno-Org`, which must name the token's own organisation if it is there.
   * @throws {ApiError} `NOT_AUTHENTICATED`, `INVALID_TOKEN`, `TOKEN_EXPIRED` or `ORGANISATION_MISMATCH`.
   */
  async authenticate(authorization: string | undefined, organisation: string | undefined): Promise<Principal> {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw new ApiError("NOT_AUTHENTICATED");
    const hash = hashToken(token);
    const record = hash === null ? null : await this.#tokens.findByHash(hash);
    if (!record || record.revokedAt !== null) throw new ApiError("INVALID_TOKEN");
    const now = Date.now();
    if (record.expiresAt !== null && record.expiresAt <= now) throw new ApiError("TOKEN_EXPIRED");
    if (organisation !== undefined && organisation !== record.organisation.slug && organisation !== record.organisation.id) {
      throw new ApiError("ORGANISATION_MISMATCH");
    }
    this.#lastUsed.set(record.id, now);
    return {
      organisation: record.organisation,
      token: { id: record.id, name: record.name, admin: record.admin },
      actor: { kind: "token", id: record.id, name: record.name },
    };
  }

  async #touch(): Promise<void> {
    const used = this.#lastUsed;
    this.#lastUsed = new Map();
    await this.#tokens.touch(used);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#touch();
  }
}
