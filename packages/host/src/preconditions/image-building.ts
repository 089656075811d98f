import { readFile } from "node:fs/promises";
import { execute } from "./execute.ts";
import type { Finding, Surroundings } from "./finding.ts";

/** Ids that mmdebstrap needs for a root file system: 0 to 65535. */
const NEEDED_IDS = 65_536;

/** What building an image without root needs: a range of subordinate ids. */
export async function findImageBuilding(surroundings: Surroundings): Promise<Finding[]> {
  return Promise.all([
    subordinateIds("/etc/subuid", surroundings),
    subordinateIds("/etc/subgid", surroundings),
    idMapping(surroundings),
  ]);
}

/** Having subordinate ids is not enough, they must also be mappable: newuidmap must be allowed to act as root. */
async function idMapping({ env, signal }: Surroundings): Promise<Finding> {
  const name = "id mapping";
  const { code, text } = await execute("unshare", ["--user", "--map-auto", "--map-root-user", "true"], env, signal);
  if (code === 0) return { name, verdict: "ok", detail: "newuidmap and newgidmap map subordinate ids" };
  return {
    name,
    verdict: "warn",
    detail: `does not work, and building an image without root needs it: ${text || "unshare failed"}`,
    repair:
      "newuidmap and newgidmap must be installed (apt-get install uidmap), be setuid root, and lie on a disk mounted without nosuid",
  };
}

async function subordinateIds(file: string, { userName, uid }: Surroundings): Promise<Finding> {
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n").map((line) => line.split(":"));
  const count = lines
    .filter(([name]) => name === userName || name === String(uid))
    .reduce((sum, [, , n]) => sum + Number(n), 0);
  if (count >= NEEDED_IDS) return { name: file.slice(5), verdict: "ok", detail: `${count} ids for ${userName}` };
  const option = file.endsWith("subuid") ? "--add-subuids" : "--add-subgids";
  return {
    name: file.slice(5),
    verdict: "warn",
    detail: `${count} ids for ${userName}; building an image needs ${NEEDED_IDS}`,
    repair: `as root: usermod ${option} 100000-165535 ${userName}`,
  };
}
