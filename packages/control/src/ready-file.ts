import { writeFileAtomically } from "@sandkeep/common";
import type { Server } from "./server.ts";

/** Tells scripts that the server is ready, and how to reach it, in JSON that only its owner can read. */
export async function writeReadyFile(
  path: string,
  { sandboxEndpoint, apiEndpoint, token, caFile, domain, doorsCaFile, sshPort }: Server,
): Promise<void> {
  await writeFileAtomically(
    path,
    `${JSON.stringify({ sandboxEndpoint, apiEndpoint, token, caFile, domain, doorsCaFile, sshPort })}\n`,
  );
}
