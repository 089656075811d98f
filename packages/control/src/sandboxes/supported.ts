import { ApiError, type SandboxConfig } from "@sandkeep/protocol";

/** The image that every sandbox boots; to name it as the root changes nothing. */
const BASE_IMAGE = "builtin:debian-13";

/** @throws {ApiError} `NOT_SUPPORTED` for what is valid and not there yet: better than a sandbox that lacks it. */
export function checkSupported(config: SandboxConfig): void {
  if (config.volumes.length > 0) throw new ApiError("NOT_SUPPORTED", "Volumes arrive in a later version.");
  if (config.root !== null && config.root !== BASE_IMAGE)
    throw new ApiError("NOT_SUPPORTED", "Volumes and snapshots as a root arrive in a later version.");
  if (config.expose.ssh) throw new ApiError("NOT_SUPPORTED", "Access by SSH arrives in a later version.");
  if (config.expose.port !== null) throw new ApiError("NOT_SUPPORTED", "Exposing a port arrives in a later version.");
}
