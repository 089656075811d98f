import type { SandboxDetail } from "@sandkeep/protocol";
import { toApiTimeout } from "../values/duration.ts";
import type { Api } from "./api.ts";

/** Default lifetime of a sandbox that no command waits for: 5 minutes. */
export const DEFAULT_LIFETIME_MS = 5 * 60_000;

/** The timeout of a fork that no command waits for: as asked, or its parent's end, or the default if that is a session. */
export async function timeoutOfFork(api: Api, id: string, asked: number | undefined): Promise<{ timeout?: string }> {
  if (asked !== undefined) return { timeout: toApiTimeout(asked) };
  const { stopAt } = await api.json<SandboxDetail>("GET", `/api/v1/sandboxes/${id}`);
  return stopAt === null ? { timeout: toApiTimeout(DEFAULT_LIFETIME_MS) } : {};
}
