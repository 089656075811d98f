import { path, Rest } from "../rest/rest.ts";
import { resolveClient, resolveSandboxEndpoint } from "../rest/settings.ts";
import { regionOf } from "./id.ts";
import { openSandbox, type SandboxParts } from "./opening.ts";
import type { ResumeOptions } from "./options.ts";
import { wireTimeout } from "./timeout.ts";

/** Options of {@linkcode Sandbox.fork}. */
export interface ForkOptions {
  /** How long each child lives, as in {@linkcode SandboxOptions}. By default it ends when its parent would have. */
  timeout?: "session" | `${number}s` | `${number}m`;
  /** Labels instead of those of the parent. */
  labels?: Record<string, string>;
}

/** How long the server may take to close the connection to a sandbox that is paused, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Makes children of a sandbox and connects to them. */
export async function forkSandbox(
  { connection, sandboxApi, another }: SandboxParts,
  { count, timeout, labels }: ForkOptions & { count?: number | undefined },
): Promise<SandboxParts[]> {
  const made = await sandboxApi.json<{ id: string }[]>("POST", path`/api/v1/sandboxes/${connection.sandboxId}/fork`, {
    body: { count, timeout: wireTimeout(timeout), labels },
  });
  const opened = await Promise.allSettled(made.map(({ id }) => another(id)));
  const failed = opened.find((outcome) => outcome.status === "rejected");
  if (!failed) return opened.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  // Nobody else knows of them.
  await Promise.allSettled(made.map(({ id }) => sandboxApi.none("DELETE", path`/api/v3/sandbox/${id}`)));
  throw failed.reason;
}

/** Pauses a sandbox, and waits until the connection to it has ended. */
export async function pauseSandbox({ connection, sandboxApi }: SandboxParts): Promise<void> {
  await sandboxApi.none("POST", path`/api/v1/sandboxes/${connection.sandboxId}/pause`);
  // The server closes the connection. If it does not, there is nothing left to wait for.
  const timer = setTimeout(() => connection.terminate(), CLOSE_TIMEOUT_MS);
  await connection.closed;
  clearTimeout(timer);
}

/** Lets a paused sandbox go on, and connects to it. */
export async function resumeSandbox(id: string, { timeout, ...options }: ResumeOptions): Promise<SandboxParts> {
  const settings = { ...options, region: regionOf(id) };
  const { token, org } = resolveClient(settings);
  const rest = new Rest({ endpoint: resolveSandboxEndpoint(settings), token, org });
  await rest.none("POST", path`/api/v1/sandboxes/${id}/resume`, { body: { timeout: wireTimeout(timeout) } });
  return await openSandbox(`/api/v3/sandbox/${id}/connect`, settings);
}
