/** Tells the first command that lacks something what is missing and how to repair it, in the same words as `doctor`. */
import type { JailKind } from "@sandkeep/jail";
import { currentUser } from "./current-user.ts";
import { findEgressKeys } from "./egress-keys.ts";
import type { Finding, Surroundings } from "./finding.ts";
import { findImageBuilding } from "./image-building.ts";
import { findJail } from "./jail.ts";
import { findPrograms } from "./programs.ts";

/** Time limit for all checks together; each takes milliseconds unless something hangs. */
const TIMEOUT_MS = 20_000;

/** This computer lacks something the operation needs. The message says what; `repair` says what to do. */
export class PreconditionError extends Error {
  override name = "PreconditionError";
  readonly repair: string | undefined;

  constructor(what: string, failed: Finding[]) {
    super(`${what}: ${failed.map(({ name, detail }) => `${name} ${detail}`).join("; ")}.`);
    this.repair = [...new Set(failed.flatMap(({ repair }) => repair ?? []))].join("; ") || undefined;
  }
}

/** @throws {PreconditionError} if machines cannot run on this computer */
export async function requireMachines(jail: JailKind, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const here = surroundings(jail, env);
  const [programs, jails] = await Promise.all([findPrograms(here, ["machines"]), findJail(here)]);
  // Report a missing bwrap only once.
  const failed = programs.filter(fails);
  reject(
    "This computer cannot run machines",
    failed.length > 0 ? failed : jails.filter((finding) => fails(finding) && finding.name === "jail"),
  );
}

/** @throws {PreconditionError} if the guest image cannot be built on this computer */
export async function requireImageBuilding(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const here = surroundings("full", env);
  const rootless = here.uid !== 0;
  const [programs, ids] = await Promise.all([
    findPrograms(here, rootless ? ["image", "rootless image"] : ["image"]),
    rootless ? findImageBuilding(here) : [],
  ]);
  // What is only a warning for doctor, because an image may exist already, is required here.
  reject(
    "This computer cannot build the guest image",
    [...programs, ...ids].filter(({ verdict }) => verdict !== "ok"),
  );
}

/** Returns the reason why a server did not start, if `doctor` knows it; otherwise the error itself. */
export async function explainStart(error: unknown, egressDir: string): Promise<unknown> {
  const keys = await findEgressKeys(egressDir);
  return fails(keys) ? new PreconditionError("The egress proxy cannot start", [keys]) : error;
}

function reject(what: string, failed: Finding[]): void {
  if (failed.length > 0) throw new PreconditionError(what, failed);
}

const fails = ({ verdict }: Finding) => verdict === "fail";

function surroundings(jail: JailKind, env: NodeJS.ProcessEnv): Surroundings {
  return { env, ...currentUser(), jail, signal: AbortSignal.timeout(TIMEOUT_MS) };
}
