/**
 * The jail for computers where no namespace can be created, such as a container with Docker's defaults: its own
 * unprivileged uid (as root), no new privileges, Landlock if the kernel has it, and seccomp filters. It must be chosen
 * explicitly.
 */
import { constants, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { become, loadingCapabilities } from "./become.ts";
import { type Jail, type JailPlan, limited } from "./jail.ts";

/** Opens a path without requiring read permission (open(2)); Node.js has no name for this flag. */
const O_PATH = 0o10000000;

/** Passed as text, because the user who runs it may not be able to read the file. */
const CONFINE = readFileSync(new URL("confine.pl", import.meta.url), "utf8");

/** Opens the files for the jailed user, who may not be able to reach their folders. */
export async function openMinimalJail(plan: JailPlan): Promise<Jail> {
  const { readable, writable } = plan.files;
  const files = [...new Set([...readable, ...writable])];
  const handles: FileHandle[] = [];
  try {
    for (const path of files) handles.push(await open(path, O_PATH | constants.O_NOFOLLOW));
  } catch (error) {
    await closeAll(handles);
    throw error;
  }
  const descriptor = (path: string) => plan.firstDescriptor + files.indexOf(path);
  return {
    name: (path) => (files.includes(path) ? `/proc/self/fd/${descriptor(path)}` : path),
    descriptors: handles.map(({ fd }) => fd),
    inputs: [],
    reportsPid: false,
    wrap: (command) => [
      ...limited(plan),
      ...identity(plan),
      "perl",
      "-e",
      CONFINE,
      "--",
      ...files.map((path) => `${writable.includes(path) ? "w" : "r"}=${descriptor(path)}`),
      ...(plan.files.code ?? []).map((path) => `c=${path}`),
      ...(plan.system === "programs" ? ["system=programs"] : ["system=bare"]),
      ...(plan.network === "host" ? ["network=host"] : []),
      ...(plan.outlivesServer ? [] : [`ends=${process.pid}`]),
      ...(plan.filter ? [`filter=${plan.filter.toString("hex")}`] : []),
      ...Object.entries(plan.environment).map(([name, value]) => `e=${name}=${value}`),
      "--",
      ...command,
    ],
    [Symbol.asyncDispose]: () => closeAll(handles),
  };
}

function identity({ user, becomesUserItself }: JailPlan): string[] {
  if (!user || !becomesUserItself) return become(user);
  const kept = loadingCapabilities().map((name) => `,+${name}`);
  return ["setpriv", "--clear-groups", `--bounding-set=-all${kept.join("")}`, "--no-new-privs"];
}

async function closeAll(handles: FileHandle[]): Promise<void> {
  await Promise.all(handles.map((handle) => handle.close()));
}
