import { ApiError, type SandboxConfig } from "@sandkeep/protocol";
import { BASE_IMAGE } from "../base-image.ts";

/** @throws {ApiError} `NOT_SUPPORTED` for options that are valid but not available yet, instead of creating a sandbox without them. */
export function checkSupported(config: SandboxConfig): void {
  if (config.root !== null && config.root !== BASE_IMAGE)
    throw new ApiError("NOT_SUPPORTED", "Volumes and snapshots as a root will arrive in a later version.");
  if (config.expose.ssh) throw new ApiError("NOT_SUPPORTED", "SSH access will arrive in a later version.");
  if (config.expose.port !== null)
    throw new ApiError("NOT_SUPPORTED", "Exposing a port will arrive in a later version.");
}
