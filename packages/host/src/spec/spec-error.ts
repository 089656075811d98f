/** Why a {@link MachineSpec} cannot be met, regardless of the host's load. */
export type SpecErrorCode =
  /** It violates the contract. */
  | "INVALID_SPEC"
  /** The host has no such root. */
  | "UNKNOWN_ROOT"
  /** The host's engine does not support it. */
  | "UNSUPPORTED";

/** A machine cannot be made as requested; the message says which part of the spec is wrong, and why. */
export class SpecError extends Error {
  override name = "SpecError";
  readonly code: SpecErrorCode;

  constructor(code: SpecErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
