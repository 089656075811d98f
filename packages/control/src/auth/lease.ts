import { ApiError } from "@sandkeep/protocol";
import { Deadline } from "../deadline.ts";

const ENDS = {
  revoked: ["INVALID_TOKEN", "The access token was revoked."],
  expired: ["TOKEN_EXPIRED", "The access token has expired."],
} as const;

/** The token is no longer valid. */
export class TokenEnded extends ApiError {
  /** What happened, without the remedy: a WebSocket close has little room. */
  readonly reason: string;

  constructor(how: keyof typeof ENDS) {
    const [code, reason] = ENDS[how];
    super(code, reason);
    this.reason = reason;
  }
}

/** The right to continue with what a token has opened, until the token ends. Its holder must dispose of it. */
export interface Lease extends Disposable {
  /** Aborted with a {@link TokenEnded} when the token is revoked or expires. */
  readonly signal: AbortSignal;
}

/** Everything that is open under a token. */
export class Leases implements Disposable {
  readonly #ends = new Map<string, Set<(how: keyof typeof ENDS) => void>>();
  readonly #deadlines = new Set<Deadline>();

  /** @param expiresAt Epoch milliseconds; null: never. */
  take(token: string, expiresAt: number | null): Lease {
    const controller = new AbortController();
    const end = (how: keyof typeof ENDS) => {
      dispose();
      controller.abort(new TokenEnded(how));
    };
    const deadline = new Deadline(() => end("expired"));
    if (expiresAt !== null) deadline.set(expiresAt);
    this.#deadlines.add(deadline);
    let ends = this.#ends.get(token);
    if (!ends) this.#ends.set(token, (ends = new Set()));
    ends.add(end);
    const dispose = () => {
      deadline.cancel();
      this.#deadlines.delete(deadline);
      ends.delete(end);
      if (ends.size === 0 && this.#ends.get(token) === ends) this.#ends.delete(token);
    };
    return { signal: controller.signal, [Symbol.dispose]: dispose };
  }

  /** Tokens under which something is open. */
  get tokens(): string[] {
    return [...this.#ends.keys()];
  }

  /** Ends everything that is open under a token, because it was revoked. */
  revoke(token: string): void {
    for (const end of [...(this.#ends.get(token) ?? [])]) end("revoked");
  }

  [Symbol.dispose](): void {
    for (const deadline of this.#deadlines) deadline.cancel();
  }
}
