/** A name that the certificate authority checks. */
export interface Challenge {
  /** Without `*.`. */
  name: string;
  token: string;
  /** The token, bound to the account (RFC 8555, section 8.1). */
  keyAuthorization: string;
}

/** Answers one type of challenge. */
export interface Solver {
  readonly type: "http-01" | "tls-alpn-01" | "dns-01";
  /**
   * Prepares the answer. The certificate authority looks for it after that; dispose of the result once it has.
   *
   * @param signal gives up
   */
  present(challenge: Challenge, signal: AbortSignal): Promise<AsyncDisposable>;
}
