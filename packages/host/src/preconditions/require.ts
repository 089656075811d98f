/** The first command that needs something is told what is missing and how to repair it, in the same words as `doctor`'s. */
import type { JailKind } from "../engine/qemu/jail/jail.ts";
import { currentUser } from "./current-user.ts";
import { findEgressKeys } from "./egress-keys.ts";
import type { Finding, Surroundings } from "./finding.ts";
import { findImageBuilding } from "./image-building.ts";
import { findJail } from "./jail.ts";
import { findPrograms } from "./programs.ts";

/** All checks together; each is a matter of milliseconds unless something hangs. */
const TIMEOUT_MS = 20_000;

/** This computer lacks something that the operation needs; the message says what, and `repair` what to do. */
export class PreconditionError extends Error {
  override name = "PreconditionError";
  readonly repair: string | undefined;

  constructor(what: string, failed: Finding[]) {
    super(`${what}: ${failed.map(({ name, detail }) => `${name} ${detail}`).join("; ")}.`);
    this.repair = [...new Set(failed.flatMap(({ repair }) => repair ?? []))].join("; ") || undefined;
  }
}

/** @throws {PreconditionError} when machines cannot run on this computer */
export async function requireMachines(jail: JailKind, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const here = surroundings(jail, env);
  const [programs, jails] = await Promise.all([findPrograms(here, ["machines"]), findJail(here)]);
  // A missing bwrap is said once.
  const failed = programs.filter(fails);
  reject(
    "This computer cannot run machines",
    failed.length > 0 ? failed : jails.filter((finding) => fails(finding) && finding.name === "jail"),
  );
}

/** @throws {PreconditionError} when the guest image cannot be built on this computer */
export async function requireImageBuilding(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const here = surroundings("full", env);
  const rootless = here.uid !== 0;
  const [programs, ids] = await Promise.all([
    findPrograms(here, rootless ? ["image", "rootless image"] : ["image"]),
    rootless ? findImageBuilding(here) : [],
  ]);
  // What doctor only remarks, because an image may be there already, is missing now.
  reject(
    "This computer cannot build the guest image",
    [...programs, ...ids].filter(({ verdict }) => verdict !== "ok"),
  );
}

/** Gives the reason why a server did not start, if it is one that `doctor` knows; else the error itself. */
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
