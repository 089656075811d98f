/**
 * Which way of forking works. Copying depends on the internals of QEMU's version, so a machine is forked that way once
 * for each version and kind of template, and compared. The verdict is stored, like that on KVM.
 */
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { basename } from "node:path";
import { settled, writeFileAtomically } from "@sandkeep/common";
import type { JailKind } from "@sandkeep/jail";
import { z } from "zod";
import type { ForkedFrom, ForkMethod, MachineSize, Vm } from "../../engine/engine.ts";
import type { GuestClient } from "../../guest/client.ts";
import { connectGuest, discard, enterRoot, RUNNING_HELLO_TIMEOUT_MS } from "../../machines/clone.ts";
import { ownLayerIn } from "../../machines/folder.ts";
import { newIdentity } from "../../machines/identity.ts";
import { engineId } from "../../machines/source.ts";
import { plugThrowAway } from "../../machines/throw-away-root.ts";
import type { Prepared } from "../../pool/supply.ts";
import type { HostParts } from "../parts.ts";

/** Changes when the proof or the way of copying changes. */
const VERSION = 2;
/** Number of verdicts kept, the newest ones. */
const MAX_VERDICTS = 16;
/** How long the fork of the proof may take: a second, on a busy computer longer. */
const PROOF_MS = 180_000;
/** A computer may be busy, so one failure is not the verdict. */
const ATTEMPTS = 2;
/** When it is tried again where it failed: a full disk, for example, passes. */
const RETRY_MS = 60 * 60_000;
/** Any number of layers, for the name of the next one. */
const NEXT = 1;
/** What must be the same in the child, in memory and on disk. */
const PATTERN_BYTES = 4 * 1024 ** 2;
const PATHS = ["/dev/shm/.sandkeep-proof", "/home/app/.sandkeep-proof"];

const verdictsSchema = z.record(
  z.string(),
  z.object({
    method: z.enum(["copy", "migration"]),
    reason: z.string(),
    /** In milliseconds since 1970. */
    triedAt: z.number(),
  }),
);
export type ForkVerdict = z.infer<typeof verdictsSchema>[string];

export interface ForkMethodsOptions {
  /** File with the verdicts. */
  file: string;
  jail: JailKind;
}

export class ForkMethods {
  readonly #parts: HostParts;
  readonly #file: string;
  readonly #jail: JailKind;
  readonly #proofs = new Map<string, Promise<ForkVerdict>>();

  constructor(parts: HostParts, { file, jail }: ForkMethodsOptions) {
    this.#parts = parts;
    this.#file = file;
    this.#jail = jail;
  }

  /** The way that works for machines made from this. */
  async of(from: ForkedFrom, size: MachineSize): Promise<ForkMethod> {
    const key = this.#keyOf(from);
    const known = this.#proofs.get(key);
    if (known && !isDue(await known)) return (await known).method;
    let proof = this.#proofs.get(key);
    // Otherwise somebody else tries it already.
    if (!proof || proof === known) {
      this.#proofs.set(key, (proof = this.#find(key, from, size)));
      // What could not be tried is tried again the next time.
      proof.catch(() => this.#proofs.delete(key));
    }
    return (await proof).method;
  }

  async #find(key: string, from: ForkedFrom, size: MachineSize): Promise<ForkVerdict> {
    const known = (await this.#read())[key];
    if (known && !isDue(known)) return known;
    let failure: string | null = "";
    for (let n = 0; n < ATTEMPTS && failure !== null; n++) failure = await whyCopyFails(this.#parts, from, size);
    const triedAt = Date.now();
    const verdict: ForkVerdict =
      failure === null
        ? { method: "copy", reason: "a fork had its parent's processes, memory and disk", triedAt }
        : { method: "migration", reason: `copying does not work here: ${failure}`, triedAt };
    this.#parts.log.info(verdict, "forks of machines");
    const kept = [...Object.entries(await this.#read()), [key, verdict]].slice(-MAX_VERDICTS);
    await writeFileAtomically(this.#file, JSON.stringify(Object.fromEntries(kept)));
    return verdict;
  }

  /** Everything that it depends on: the engine, who may read whose memory, the kind of template. */
  #keyOf({ template }: ForkedFrom): string {
    const user = process.getuid!() === 0 ? "root" : `user ${process.getuid!()}`;
    const what = template.disk ? "with" : "without";
    return `${VERSION}, ${engineId(this.#parts.engine)}, ${this.#jail} jail, ${user}, template ${what} a root`;
  }

  async #read(): Promise<z.infer<typeof verdictsSchema>> {
    try {
      return verdictsSchema.parse(JSON.parse(await readFile(this.#file, "utf8")));
    } catch {
      return {};
    }
  }
}

function isDue({ method, triedAt }: ForkVerdict): boolean {
  const age = Date.now() - triedAt;
  return method === "migration" && (age < 0 || age > RETRY_MS);
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
  const prepared: Prepared[] = [];
  // Ends whatever waits for one of them.
  const timer = setTimeout(() => void prepared.map(({ vm }) => vm.kill()), PROOF_MS);
  try {
    await settled([1, 2].map(async () => prepared.push(await pools.prepare(from, size))));
    const [parent, child] = prepared as [Prepared, Prepared];
    const pattern = randomBytes(PATTERN_BYTES);
    const pid = await begin(parent, from, pattern);
    try {
      const [load] = await engine.fork(parent.vm, [child.vm], from, {
        own: [basename(ownLayerIn(parent.dir))],
        next: basename(ownLayerIn(parent.dir, NEXT)),
        method: "copy",
        // They have stopped already.
        async beforePause() {},
        onContinued() {},
      });
      await load!();
      for (const { vm } of [child, parent]) await compare(vm, pid, pattern);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  } finally {
    clearTimeout(timer);
    await Promise.all(prepared.map((process) => discard(process)));
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
