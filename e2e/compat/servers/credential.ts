import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";

/** A secret that only its upstream and the proxy know: the sandbox has a placeholder in a variable. */
export class Credential {
  /** Name of the variable in the sandbox. */
  readonly variable: string;
  /** The real value, new in every run. */
  readonly value = randomBytes(24).toString("base64url");

  constructor(variable: string) {
    this.variable = variable;
  }

  /** Whether the header carries the real value as `Bearer`. */
  isBearer(authorization: string | undefined): boolean {
    return authorization === `Bearer ${this.value}`;
  }

  /** Whether the header carries the real value as the password of `Basic`. */
  isBasic(authorization: string | undefined, user: string): boolean {
    return authorization === `Basic ${Buffer.from(`${user}:${this.value}`).toString("base64")}`;
  }
}
