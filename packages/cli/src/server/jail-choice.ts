import type { JailKind } from "@sandkeep/host";
import { UsageError } from "../errors.ts";

/** The jails that users can choose; the full one is the default. */
export const JAILS = ["full", "minimal"] as const satisfies JailKind[];

/** The jail in SANDKEEP_JAIL, for the server in the background and `doctor`. @throws {UsageError} */
export function jailOf(env: NodeJS.ProcessEnv): JailKind | undefined {
  const named = env.SANDKEEP_JAIL;
  if (!named) return undefined;
  const kind = JAILS.find((kind) => kind === named);
  if (!kind) throw new UsageError(`SANDKEEP_JAIL is "${named}"`, `set it to ${JAILS.join(" or ")}`);
  return kind;
}
