import { runCommand } from "../tools/command.ts";

/** Settings for reaching an archive, not for what to install. */
const REACH = /^Acquire::(https?|Retries|Check-(Valid-Until|Date))\b.* "[^"]*";$/i;

/**
 * The host's apt settings for proxies, certificates and the like, as printed by `apt-config dump`: a build reaches
 * archives the way the host's own apt does. The settings do not become part of the image.
 */
export async function aptSettings(signal?: AbortSignal): Promise<string[]> {
  return selectAptSettings(await runCommand("apt-config", ["dump"], { signal }));
}

/** Selects settings from the output of `apt-config dump`. */
export function selectAptSettings(dump: string): string[] {
  return dump.split("\n").filter((line) => REACH.test(line) && !line.endsWith(' "";'));
}
