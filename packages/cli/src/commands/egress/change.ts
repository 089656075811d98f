import type { EgressChange, EgressView } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { UsageError } from "../../errors.ts";
import { showEgress } from "../../output/egress.ts";
import type { Invocation } from "../../tree/spec.ts";

/** The API path of a sandbox's egress policy. */
export const egressPath = (id: string) => `/api/v1/sandboxes/${encodeURIComponent(id)}/egress`;

/** Options of the commands that change a list of patterns. */
export interface ListOptions {
  remove?: boolean;
  only?: boolean;
}

/** The change that the options request for a list of patterns. @throws {UsageError} */
export function listChange(
  patterns: string[],
  { remove, only }: ListOptions,
): string[] | { add: string[] } | { remove: string[] } {
  if (remove && only) throw new UsageError("--remove and --only cannot be combined", "leave one out");
  if (only) return patterns;
  if (patterns.length === 0) throw new UsageError("no pattern is given", "name hosts, such as api.example.com");
  return remove ? { remove: patterns } : { add: patterns };
}

/** Changes a sandbox's policy and shows the new state. */
export async function changeEgress(invocation: Invocation, change: EgressChange): Promise<void> {
  const {
    args: [given],
    terminal,
    env,
  } = invocation;
  const id = sandboxId(given, env);
  const view = await new Api(await requireTarget(invocation)).json<EgressView>("PATCH", egressPath(id), change);
  terminal.result(view, (colour) => showEgress(view, colour));
}
