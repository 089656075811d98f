/**
 * Which way of forking works. Copying depends on the internals of QEMU's version, so a machine is forked that way once
 * for each version and kind of template, and compared. The verdict is stored, like that on KVM.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { basename } from "node:path";
import { writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import type { ForkedFrom, ForkMethod, MachineSize, Vm } from "../engine/engine.ts";
import type { GuestClient } from "../guest/client.ts";
import { connectGuest, discard, enterRoot, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { ownLayerIn } from "../machines/folder.ts";
import { newIdentity } from "../machines/identity.ts";
import { plugThrowAway } from "../machines/throw-away-root.ts";
import type { Prepared } from "../pool/supply.ts";
import type { HostParts } from "./parts.ts";

/** Changes when the proof or the way of copying changes. */
const VERSION = 1;
/** Enough to tell settings of the engine apart. */
const DIGEST_DIGITS = 16;
/** Number of verdicts kept, the newest ones. */
const MAX_VERDICTS = 16;
/** How long the fork of the proof may take: a second, on a busy computer longer. */
const PROOF_MS = 180_000;
/** A computer may be busy, so one failure is not the verdict. */
const ATTEMPTS = 2;
/** Any number of layers, for the name of the next one. */
const NEXT = 1;
/** What must be the same in the child, in memory and on disk. */
const PATTERN_BYTES = 4 * 1024 ** 2;
const PATHS = ["/dev/shm/.sandkeep-proof", "/home/app/.sandkeep-proof"];

const verdictsSchema = z.record(z.string(), z.object({ method: z.enum(["copy", "migration"]), reason: z.string() }));
export type ForkVerdict = z.infer<typeof verdictsSchema>[string];

export class ForkMethods {
  readonly #parts: HostParts;
  readonly #file: string;
  readonly #proofs = new Map<string, Promise<ForkVerdict>>();

  /** @param file with the verdicts */
  constructor(parts: HostParts, file: string) {
    this.#parts = parts;
    this.#file = file;
  }

  /** The way that works for machines made from this. */
  async of(from: ForkedFrom, size: MachineSize): Promise<ForkMethod> {
    const key = this.#keyOf(from);
    let proof = this.#proofs.get(key);
    if (!proof) {
      this.#proofs.set(key, (proof = this.#find(key, from, size)));
      // What could not be tried is tried again the next time.
      proof.catch(() => this.#proofs.delete(key));
    }
    return (await proof).method;
  }

  async #find(key: string, from: ForkedFrom, size: MachineSize): Promise<ForkVerdict> {
    const known = (await this.#read())[key];
    if (known) return known;
    let failure: string | null = "";
    for (let n = 0; n < ATTEMPTS && failure !== null; n++) failure = await whyCopyFails(this.#parts, from, size);
    const verdict: ForkVerdict =
      failure === null
        ? { method: "copy", reason: "a fork had its parent's processes, memory and disk" }
        : { method: "migration", reason: `copying does not work here: ${failure}` };
    this.#parts.log.info(verdict, "forks of machines");
    const kept = [...Object.entries(await this.#read()), [key, verdict]].slice(-MAX_VERDICTS);
    await writeFileAtomically(this.#file, JSON.stringify(Object.fromEntries(kept)));
    return verdict;
  }

  #keyOf({ template }: ForkedFrom): string {
    const { fingerprint, name } = this.#parts.engine;
    const digest = createHash("sha256").update(`${VERSION} ${fingerprint}`).digest("hex").slice(0, DIGEST_DIGITS);
    return `${name} ${digest}, template ${template.disk ? "with" : "without"} a root`;
  }

  async #read(): Promise<z.infer<typeof verdictsSchema>> {
    try {
      return verdictsSchema.parse(JSON.parse(await readFile(this.#file, "utf8")));
    } catch {
      return {};
    }
  }
}

/** Discards the verdicts, so that forks are tried again. */
export async function forgetForkVerdicts(file: string): Promise<void> {
  await rm(file, { force: true });
}

/**
 * Forks a machine by copying. Resolves to why the child is not what its parent was, or null if it is.
 *
 * @throws if there is no machine to fork
 */
async function whyCopyFails({ engine, pools }: HostParts, from: ForkedFrom, size: MachineSize): Promise<string | null> {
  const [parent, child] = await Promise.all([pools.prepare(from, size), pools.prepare(from, size)]);
  try {
    const pattern = randomBytes(PATTERN_BYTES);
    const pid = await begin(parent, from, pattern);
    try {
      const layers = { own: [basename(ownLayerIn(parent.dir))], next: basename(ownLayerIn(parent.dir, NEXT)) };
      await engine.fork(parent.vm, [child.vm], from, { ...layers, method: "copy", onContinued() {} });
      for (const { vm } of [child, parent]) await compare(vm, pid, pattern);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  } finally {
    await Promise.all([discard(parent), discard(child)]);
  }
}

/** Lets a machine run a process and write a pattern, and stops its processes. Resolves to the process's id. */
async function begin({ vm, dir }: Prepared, from: ForkedFrom, pattern: Buffer): Promise<number> {
  await vm.load();
  if (!from.template.disk) await plugThrowAway({ vm, dir }, from.root);
  const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
  if (!from.template.disk) await enterRoot(guest);
  await guest.call("resume", newIdentity("proof", {}, []));
  for (const path of PATHS) await write(guest, path, pattern);
  const pid = await startSleeper(guest);
  await guest.call("freezeProcesses", { thawAfterMs: PROOF_MS });
  guest.close();
  return pid;
}

/** @throws if the machine is not as it was when its processes were stopped */
async function compare(vm: Vm, pid: number, pattern: Buffer): Promise<void> {
  const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
  await guest.call("resume", newIdentity("proof", {}, []));
  for (const path of PATHS)
    if (!(await read(guest, path)).equals(pattern)) throw new Error(`${path} differs after the fork`);
  const running = (await guest.call("processList", {})).some((process) => process.pid === pid && !process.exit);
  if (!running) throw new Error("a process is gone after the fork");
  guest.close();
}

async function write(guest: GuestClient, path: string, bytes: Buffer): Promise<void> {
  const file = guest.stream("writeFile", { path });
  file.resume();
  file.end(bytes);
  await file.head;
}

async function read(guest: GuestClient, path: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of guest.stream("readFile", { path })) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

async function startSleeper(guest: GuestClient): Promise<number> {
  const process = guest.stream("spawn", { command: "sleep", args: ["1000000"] });
  process.on("error", () => {}).resume();
  process.end();
  return (await process.head).pid;
}
