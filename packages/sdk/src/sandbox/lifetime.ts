import { SandboxKillError } from "../errors/api.ts";
import { path } from "../rest/rest.ts";
import type { SandboxParts } from "./opening.ts";

/** How long the server may take to end a sandbox, and then to close the connection to it, in milliseconds. */
const KILL_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;

/** Ends a sandbox, and waits until the connection to it has ended. */
export async function kill({ connection, sandboxApi }: SandboxParts): Promise<void> {
  const response = await sandboxApi.send("DELETE", path`/api/v3/sandbox/${connection.sandboxId}`, {
    signal: AbortSignal.timeout(KILL_TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new SandboxKillError(response.status, text);
  // The server closes the connection. If it does not, there is nothing left to wait for.
  const timer = setTimeout(() => connection.terminate(), CLOSE_TIMEOUT_MS);
  await connection.closed;
  clearTimeout(timer);
}

/** Requests that the sandbox end this long from now. Resolves to when it will end. */
export async function extendTimeout({ connection, sandboxApi }: SandboxParts, durationMs: number): Promise<Date> {
  const body = { stop_at_ms: Date.now() + durationMs };
  const { stop_at_ms } = await sandboxApi.json<{ stop_at_ms: number }>(
    "PATCH",
    path`/api/v3/sandbox/${connection.sandboxId}`,
    { body },
  );
  return new Date(stop_at_ms);
}
