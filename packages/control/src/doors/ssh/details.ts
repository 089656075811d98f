import { ApiError } from "@sandkeep/protocol";
import type { DoorRecord } from "@sandkeep/store";

/** What only doors for SSH have. */
export interface SshDetails {
  authorizedKeys: string[];
}

/** The keys of a door for SSH, one of which must log in; without any, its name suffices. */
export function authorizedKeys({ details }: DoorRecord): string[] {
  return (details as SshDetails | null)?.authorizedKeys ?? [];
}

/** Why nothing can be opened to SSH. */
export function sshIsOff(): ApiError {
  return new ApiError("NOT_SUPPORTED", "This server's configuration turns SSH off (ssh.port).");
}
