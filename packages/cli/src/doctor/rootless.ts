import { readFile } from "node:fs/promises";
import type { Check, DoctorContext, Finding } from "./check.ts";
import { execute, which } from "./execute.ts";

/** What mmdebstrap needs for a root file system: ids 0 to 65535. */
const NEEDED_IDS = 65_536;

/** What sandboxes and images need to work without root: name spaces, and ids to hand out in them. */
export const checkRootless: Check = async (context) => {
  const findings = [await userNamespaces(context), await jail(context)];
  if (context.uid !== 0) findings.push(await subordinateIds("/etc/subuid", context), await subordinateIds("/etc/subgid", context), await idMapping(context));
  return findings;
};

/** Having subordinate ids is one thing, mapping them another: newuidmap must be allowed to act as root. */
async function idMapping({ env, signal }: DoctorContext): Promise<Finding> {
  const name = "id mapping";
  const { code, text } = await execute("unshare", ["--user", "--map-auto", "--map-root-user", "true"], env, signal);
  if (code === 0) return { name, verdict: "ok", detail: "newuidmap and newgidmap map subordinate ids" };
  return {
    name,
    verdict: "warn",
    detail: `does not work, and building an image without root needs it: ${text || "unshare failed"}`,
    repair: "newuidmap and newgidmap must be installed (apt-get install uidmap), be setuid root, and lie on a disk mounted without nosuid",
  };
}

async function userNamespaces({ env, signal }: DoctorContext): Promise<Finding> {
  const { code, text } = await execute("unshare", ["--user", "--map-root-user", "true"], env, signal);
  if (code === 0) return { name: "user namespaces", verdict: "ok", detail: "can be made" };
  const flags = ["kernel/unprivileged_userns_clone", "user/max_user_namespaces", "kernel/apparmor_restrict_unprivileged_userns"];
  const values = await Promise.all(flags.map((flag) => readFile(`/proc/sys/${flag}`, "utf8").then((v) => v.trim(), () => undefined)));
  const repair = values[0] === "0"
    ? "as root: sysctl -w kernel.unprivileged_userns_clone=1"
    : values[1] === "0"
    ? "as root: sysctl -w user.max_user_namespaces=15000"
    : values[2] === "1"
    ? "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    : "in a container, allow it to make user namespaces (a seccomp profile may forbid it)";
  return { name: "user namespaces", verdict: "fail", detail: `cannot be made: ${text || "unshare failed"}`, repair };
}

async function jail({ env, signal }: DoctorContext): Promise<Finding> {
  const file = await which("bwrap", env);
  if (!file) return { name: "jail", verdict: "fail", detail: "bwrap is not installed", repair: "run scripts/setup, or: apt-get install bubblewrap" };
  const { code, text } = await execute(file, ["--unshare-all", "--ro-bind", "/", "/", "true"], env, signal);
  return code === 0
    ? { name: "jail", verdict: "ok", detail: "bwrap makes one" }
    : { name: "jail", verdict: "fail", detail: `bwrap cannot make one: ${text}`, repair: "see the user namespaces above; inside a container, run it with more rights (for docker: --privileged)" };
}

async function subordinateIds(file: string, { userName, uid }: DoctorContext): Promise<Finding> {
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n").map((line) => line.split(":"));
  const count = lines.filter(([name]) => name === userName || name === String(uid)).reduce((sum, [, , n]) => sum + Number(n), 0);
  if (count >= NEEDED_IDS) return { name: file.slice(5), verdict: "ok", detail: `${count} ids for ${userName}` };
  const option = file.endsWith("subuid") ? "--add-subuids" : "--add-subgids";
  return {
    name: file.slice(5),
    verdict: "warn",
    detail: `${count} ids for ${userName}; building an image needs ${NEEDED_IDS}`,
    repair: `as root: usermod ${option} 100000-165535 ${userName}`,
  };
}
