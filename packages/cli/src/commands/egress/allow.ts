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
    throw new UsageError("--public cannot be combined with patterns, --remove or --only", "give --public alone");
  await changeEgress(invocation, { allow: options.public ? null : listChange(patterns, options) });
}
