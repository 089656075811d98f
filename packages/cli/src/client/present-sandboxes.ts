import type { SandboxDetail } from "@sandkeep/protocol";

/**
 * Sandboxes that run or are paused, newest first. The server lists the two apart, so one that changes in between is in
 * both lists.
 *
 * @param list resolves to those with a status
 */
export async function presentSandboxes(
  list: (status: "running" | "paused") => Promise<SandboxDetail[]>,
): Promise<SandboxDetail[]> {
  const found = new Map<string, SandboxDetail>();
  for (const status of ["running", "paused"] as const)
    for (const sandbox of await list(status)) found.set(sandbox.id, sandbox);
  return [...found.values()].sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
}
