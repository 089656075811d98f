import { Random } from "@sandkeep/egress/testing";
import { isAlive, pidOfSandbox } from "../../harness/machines.ts";
import { until } from "../../harness/poll.ts";
import { lives, type Process } from "../../harness/processes.ts";
import { within } from "../../harness/within.ts";
import { audit, requireConsistent, requireKept } from "./audit.ts";
import type { Crash } from "./crash.ts";
import { Journal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { Stack } from "./stack.ts";
import { CAPACITY } from "./volume-chores.ts";
import { Work } from "./work.ts";

/** What is killed in the rounds between two audits, in any order. */
const WHAT: readonly Crash["what"][] = [
  ...Array.from({ length: 7 }, () => "machines" as const),
  ...Array.from({ length: 2 }, () => "server" as const),
  "everything",
];
/** How many machines are killed in a round at most. */
const MOST_VICTIMS = 2;
/** When something is killed after the work began, in milliseconds: at any of its steps, which take 20 to 300 ms. */
const MOMENT_MS = { least: 20, most: 800 };
/** How often the next server is killed too, while it starts, and after how many milliseconds at most. */
const SECOND_KILL = 0.25;
const START_MS = 1_500;
/** How often a server has a warm pool, and its memory in MiB: one machine. */
const POOL = 0.25;
const POOL_MIB = 100;
/** Everything is checked and made anew after this many rounds, so that chains and logs stay short. */
export const ROUNDS_PER_AUDIT = WHAT.length;
/** Longest time for a round or an audit on a busy computer, in milliseconds: usually 3 s. */
export const ROUND_MS = 180_000;
/** Neighbouring seeds share no rounds. */
const SPREAD = 0x9e3779b1;

/** Rounds on one data folder, in each of which something is killed. */
export class CrashRounds {
  readonly #dataDir: string;
  readonly #seed: number;
  readonly #journal = new Journal();
  #stack: Stack;
  #work: Work | undefined;
  #slugs = 0;
  /** Processes that ran when a server was killed. */
  #earlier: Process[] = [];

  private constructor(dataDir: string, seed: number, stack: Stack) {
    this.#dataDir = dataDir;
    this.#seed = seed;
    this.#stack = stack;
  }

  static async start(dataDir: string, seed: number): Promise<CrashRounds> {
    return new CrashRounds(dataDir, seed, await Stack.start(dataDir));
  }

  /** What was done how often. */
  get summary(): string {
    return this.#journal.summary;
  }

  /** @throws with everything that there is to know when something is wrong */
  async round(number: number): Promise<void> {
    const random = this.#random(number);
    const order = this.#random(-1 - Math.floor(number / ROUNDS_PER_AUDIT)).some(ROUNDS_PER_AUDIT, WHAT);
    this.#journal.round(number);
    try {
      await within("a round", ROUND_MS, this.#round(order[number % ROUNDS_PER_AUDIT]!, random));
      if ((number + 1) % ROUNDS_PER_AUDIT === 0) await within("an audit", ROUND_MS, this.#audit(random));
    } catch (cause) {
      throw new Error(
        `Round ${number} with SANDKEEP_CRASH_SEED=${this.#seed}: ${(cause as Error).message}\n  ${this.#journal}\n${this.#stack.log}`,
        { cause },
      );
    }
  }

  /** Removes all volumes and stops the server. */
  async stop(): Promise<void> {
    await this.#audit(new Random(this.#seed));
    await this.#stack.stop();
  }

  /** Ends everything that still runs. */
  async abandon(): Promise<void> {
    await this.#stack.kill("everything");
  }

  #random(number: number): Random {
    return new Random(Math.imul(this.#seed, SPREAD) + number);
  }

  async #round(what: Crash["what"], random: Random): Promise<void> {
    const work = (this.#work ??= new Work(await this.#newLedgers(), this.#journal));
    const momentMs = random.between(MOMENT_MS.least, MOMENT_MS.most);
    this.#journal.note(`kill ${what} after ${momentMs} ms of work`);
    const { client } = this.#stack;
    await work.until(momentMs, { client, random, slug: (prefix) => `${prefix}-${this.#slugs++}` });
    const crash: Crash = { what, victims: what === "machines" ? this.#killMachines(random, work) : new Set() };
    if (what !== "machines") await this.#killServer(what, random);
    await work.end(crash);
    this.#journal.note(`killed ${[what, ...crash.victims].join(" ")}`);
    this.#journal.count(what);
    await work.recover(crash, this.#stack);
    await this.#endStrays(work);
    await requireKept(this.#stack, work);
    if (what !== "machines") await requireConsistent(this.#stack, ["leak", "busy"]);
  }

  /** Kills machines of sandboxes that are not paused at this moment. @returns their sandboxes' ids */
  #killMachines(random: Random, { sandboxes }: Work): Set<string> {
    const machines = sandboxes.flatMap(({ id }) => {
      const pid = pidOfSandbox(this.#dataDir, id);
      return pid !== undefined && isAlive(pid) ? [{ id, pid }] : [];
    });
    const victims = random.some(random.between(1, MOST_VICTIMS), machines);
    for (const { pid } of victims) process.kill(pid, "SIGKILL");
    return new Set(victims.map(({ id }) => id));
  }

  async #killServer(what: "server" | "everything", random: Random): Promise<void> {
    this.#earlier.push(...(await this.#stack.processes()));
    await this.#stack.kill(what);
    if (random.chance(SECOND_KILL)) await Stack.startInVain(this.#dataDir, random.between(0, START_MS));
    this.#stack = await Stack.start(this.#dataDir, random.chance(POOL) ? POOL_MIB : 0);
  }

  /** Ends sandboxes that were being created or forked. */
  async #endStrays({ sandboxes }: Work): Promise<void> {
    const ours = new Set(sandboxes.map(({ id }) => id));
    const strays = (await this.#stack.sandboxes("running")).filter((id) => !ours.has(id));
    await Promise.all(strays.map((id) => this.#stack.end(id)));
  }

  async #audit(random: Random): Promise<void> {
    if (!this.#work) return;
    this.#journal.note("audit");
    await audit(this.#stack, this.#work, random);
    await until("processes of earlier servers have ended", () => !this.#earlier.some(lives));
    this.#earlier = [];
    this.#work = undefined;
  }

  async #newLedgers(): Promise<[Ledger, Ledger, Ledger, Ledger]> {
    const { volumes } = this.#stack.client;
    const make = async () => {
      const { slug } = await volumes.create({ slug: `log-${this.#slugs++}`, region: "ord", capacity: CAPACITY });
      return new Ledger(slug);
    };
    return await Promise.all([make(), make(), make(), make()]);
  }
}
