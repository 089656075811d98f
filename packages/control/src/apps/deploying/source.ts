import { posix } from "node:path";
import { GuestError, GuestGone } from "@sandkeep/host";
import { ApiError } from "@sandkeep/protocol";
import type { RevisionSpec } from "@sandkeep/store";
import type { Sandbox } from "../../sandboxes/sandbox.ts";

/** Where relative paths in a sandbox begin. */
const HOME = "/home/app";

/** The directory that is deployed, absolute. */
export const sourcePath = (path: string | null | undefined) => posix.resolve(HOME, path ?? "");

/**
 * What is to be deployed must be there, and on the sandbox's own disk.
 *
 * @throws {ApiError} `INVALID_REQUEST`, `SANDBOX_NOT_FOUND`
 */
export async function checkSource(
  sandbox: Sandbox,
  { path, entrypoint }: Pick<RevisionSpec, "path" | "entrypoint">,
  signal: AbortSignal,
): Promise<void> {
  const file = posix.resolve(path, entrypoint);
  const volume = sandbox.volumes.all.find((one) => [path, file].some((part) => `${part}/`.startsWith(`${one.path}/`)));
  if (volume)
    throw new ApiError(
      "INVALID_REQUEST",
      `${volume.path} is on the volume ${volume.volume.slug}, and a revision has the sandbox's own disk only: copy the files there.`,
    );
  try {
    const { isFile } = await sandbox.state.guest.call("stat", { path: file }, signal);
    if (!isFile) throw new ApiError("INVALID_REQUEST", `The entry point ${file} is not a file.`);
  } catch (cause) {
    if (cause instanceof GuestGone) throw new ApiError("SANDBOX_NOT_FOUND", "The sandbox has ended.", { cause });
    if (cause instanceof GuestError)
      throw new ApiError("INVALID_REQUEST", `The entry point cannot be deployed: ${cause.message}.`, { cause });
    throw cause;
  }
}
