/** Checks whether the jails for machines and egress proxies work here, by running a program that does nothing in real ones. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import {
  giveInputs,
  type Jail,
  type JailPlan,
  MACHINE_USERS,
  openJail,
  PROXY_USERS,
  REPORT_FD,
  seccompFilter,
} from "@sandkeep/jail";
import { JAIL_FD, machinePlan } from "../engine/qemu/jail/machine-jail.ts";
import { execute } from "./execute.ts";
import type { Finding, Surroundings } from "./finding.ts";

const NAME = "jail";
/** Setting up a jail takes about 20 ms. */
const TIMEOUT_MS = 10_000;
/** Enough for a tool's error message. */
const MAX_WORDS_CHARS = 1_000;

const SETTINGS: [file: string, bad: string, repair: string][] = [
  ["kernel/unprivileged_userns_clone", "0", "as root: sysctl -w kernel.unprivileged_userns_clone=1"],
  ["user/max_user_namespaces", "0", "as root: sysctl -w user.max_user_namespaces=15000"],
  [
    "kernel/apparmor_restrict_unprivileged_userns",
    "1",
    "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  ],
];

/** The jail, and the user namespaces it needs without root. */
export async function findJail(surroundings: Surroundings): Promise<Finding[]> {
  if (surroundings.jail === "minimal") return [await minimal(surroundings)];
  const [namespaces, failure] = await Promise.all([userNamespaces(surroundings), tryJail(surroundings)]);
  const jail: Finding =
    failure === null
      ? { name: NAME, verdict: "ok", detail: "bwrap can create it" }
      : {
          name: NAME,
          verdict: "fail",
          detail: `cannot be created: ${failure}`,
          repair: namespaces.repair ?? IN_A_CONTAINER,
        };
  // Root creates its namespaces without user namespaces.
  if (jail.verdict === "ok" && namespaces.verdict === "fail")
    return [{ ...namespaces, verdict: "ok", detail: `${namespaces.detail}; the jail works without them` }, jail];
  return [namespaces, jail];
}

const IN_A_CONTAINER =
  "in a container, allow it to create namespaces (with docker: --privileged), or accept less isolation: sandkeep serve --jail minimal, or SANDKEEP_JAIL=minimal (docs/security.md)";

async function userNamespaces({ env, signal }: Surroundings): Promise<Finding> {
  const name = "user namespaces";
  const { code, text } = await execute("unshare", ["--user", "--map-root-user", "true"], env, signal);
  if (code === 0) return { name, verdict: "ok", detail: "can be created" };
  for (const [file, bad, repair] of SETTINGS) {
    const value = await readFile(`/proc/sys/${file}`, "utf8").catch(() => "");
    if (value.trim() === bad)
      return { name, verdict: "fail", detail: `cannot be created: ${text || "unshare failed"}`, repair };
  }
  return { name, verdict: "fail", detail: `cannot be created: ${text || "unshare failed"}`, repair: IN_A_CONTAINER };
}

async function minimal(surroundings: Surroundings): Promise<Finding> {
  const failure = await tryJail(surroundings);
  if (failure !== null)
    return { name: NAME, verdict: "fail", detail: `minimal, as chosen, but it cannot be created: ${failure}` };
  const { text } = await execute("perl", ["-e", "print syscall(444, 0, 0, 1)"], surroundings.env, surroundings.signal);
  const landlock = Number(text) > 0 ? `Landlock (version ${text})` : "no Landlock, because this kernel lacks it";
  const user = surroundings.uid === 0 ? "a user of its own" : "this user";
  return {
    name: NAME,
    verdict: "warn",
    detail: `minimal, as chosen: no namespaces; ${user}, no new privileges, seccomp, ${landlock}`,
    repair:
      "if namespaces can be created, leave out --jail and SANDKEEP_JAIL; docs/security.md explains the difference",
  };
}

/** Why a jail cannot be created; null if both can. */
async function tryJail(surroundings: Surroundings): Promise<string | null> {
  const [machine, proxy] = [MACHINE_USERS.take(), PROXY_USERS.take()];
  const plans = [machinePlan({ writable: [], readable: [] }, machine), likeProxy(proxy)];
  const attempt = async (plan: JailPlan) => {
    await using jail = await openJail(surroundings.jail, plan);
    return await runIn(jail, surroundings);
  };
  try {
    const [forMachines, forProxies] = await Promise.all(plans.map(attempt));
    return forMachines ?? (forProxies == null ? null : `for egress proxies: ${forProxies}`);
  } finally {
    MACHINE_USERS.release(machine?.uid);
    PROXY_USERS.release(proxy?.uid);
  }
}

/** A jail like an egress proxy's (`proxyPlan`), which has the host's network and `/proc`, with the system's programs as its code. */
function likeProxy(user: JailPlan["user"]): JailPlan {
  const links = Object.fromEntries(["lib", "lib64", "bin"].map((name) => [`/${name}`, `usr/${name}`]));
  return {
    files: { writable: [], readable: [], code: ["/usr"], links },
    user,
    system: "bare",
    network: "host",
    becomesUserItself: true,
    environment: {},
    fileBytes: 0,
    filter: seccompFilter(),
    firstDescriptor: JAIL_FD,
  };
}

function runIn(jail: Jail, { env, signal }: Surroundings): Promise<string | null> {
  return new Promise((resolve) => {
    const [file, ...args] = jail.wrap(["/usr/bin/true"]);
    const ignored = Array.from<"ignore">({ length: JAIL_FD - REPORT_FD - 1 }).fill("ignore");
    const child = spawn(file!, args, {
      env,
      stdio: [
        "ignore",
        "ignore",
        "pipe",
        "pipe",
        ...ignored,
        ...jail.descriptors,
        ...jail.inputs.map(() => "pipe" as const),
      ],
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      killSignal: "SIGKILL",
    });
    // If descriptors have run out, it has no streams, and what follows fails before it listens.
    child.on("error", () => {});
    giveInputs(child, jail, JAIL_FD);
    let words = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(0, MAX_WORDS_CHARS)));
    child.stdio[REPORT_FD]!.on("error", () => {});
    (child.stdio[REPORT_FD] as NodeJS.ReadableStream).resume();
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, killedBy) =>
      resolve(code === 0 ? null : words.trim() || `${file} ended with ${killedBy ?? `code ${code}`}`),
    );
  });
}
