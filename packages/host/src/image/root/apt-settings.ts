import { runCommand } from "../tools/command.ts";

/** Settings about how to reach an archive, not about what to install. */
const REACH = /^Acquire::(https?|Retries|Check-(Valid-Until|Date))\b.* "[^"]*";$/i;

/**
 * The host's apt settings for proxies, certificates and the like, in the form of `apt-config dump`: a build goes the way
 * that the host's own apt goes. They do not become part of the image.
 */
export async function aptSettings(signal?: AbortSignal): Promise<string[]> {
  return selectAptSettings(await runCommand("apt-config", ["dump"], { signal }));
}

/** Picks from the output of `apt-config dump`. */
export function selectAptSettings(dump: string): string[] {
  return dump.split("\n").filter((line) => REACH.test(line) && !line.endsWith(' "";'));
}
