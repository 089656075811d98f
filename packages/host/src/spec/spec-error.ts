/** Why a {@link MachineSpec} cannot be met, whatever the host's load. */
export type SpecErrorCode =
  /** It contradicts the contract. */
  | "INVALID_SPEC"
  /** The host has no such root. */
  | "UNKNOWN_ROOT"
  /** The host's engine cannot do that. */
  | "UNSUPPORTED";

/** A machine cannot be made as asked; the message says which part of the spec, and why. */
export class SpecError extends Error {
  override name = "SpecError";
  readonly code: SpecErrorCode;

  constructor(code: SpecErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
