import { ApiError, type SandboxConfig } from "@sandkeep/protocol";

/** @throws {ApiError} `NOT_SUPPORTED` for options that are valid but not available yet, instead of creating a sandbox without them. */
export function checkSupported(config: SandboxConfig): void {
  if (config.expose.ssh) throw new ApiError("NOT_SUPPORTED", "SSH access will arrive in a later version.");
}
