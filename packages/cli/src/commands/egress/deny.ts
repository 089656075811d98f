import type { Invocation } from "../../tree/spec.ts";
import { changeEgress, type ListOptions, listChange } from "./change.ts";

/** `sandkeep egress deny <id> patterns…` */
export async function run(invocation: Invocation<ListOptions>): Promise<void> {
  const {
    args: [, patterns],
    options,
  } = invocation;
  await changeEgress(invocation, { deny: listChange(patterns as string[], options) });
}
