import { UsageError } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";
import { changeEgress, type ListOptions, listChange } from "./change.ts";

interface Options extends ListOptions {
  public?: boolean;
}

/** `sandkeep egress allow <id> patterns…` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [, given],
    options,
  } = invocation;
  const patterns = given as string[];
  if (options.public && (patterns.length > 0 || options.remove || options.only))
    throw new UsageError("--public stands alone", "leave the patterns out");
  await changeEgress(invocation, { allow: options.public ? null : listChange(patterns, options) });
}
