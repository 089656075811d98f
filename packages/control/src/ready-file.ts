import { writeFileAtomically } from "@sandkeep/common";
import type { Server } from "./server.ts";

/** Tells scripts that the server is ready, and how to reach it: `{"sandboxEndpoint","apiEndpoint","token","caFile"}`, readable by its owner only. */
export async function writeReadyFile(
  path: string,
  { sandboxEndpoint, apiEndpoint, token, caFile }: Server,
): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify({ sandboxEndpoint, apiEndpoint, token, caFile })}\n`);
}
