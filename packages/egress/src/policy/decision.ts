/** What policy decided, and why. */
export interface Decision {
  allowed: boolean;
  /** The pattern or rule that decided, if one did. */
  rule: string | null;
  /** A sentence that names the host, suitable for the body of a 403. */
  reason: string;
}
