import { setTimeout as delay } from "node:timers/promises";
import { Random } from "@sandkeep/egress/testing";
import type { Sandbox } from "sandkeep";
import { within } from "../../harness/within.ts";
import type { Chore, Scene } from "./chore.ts";
import type { Crash } from "./crash.ts";
import { Forking, Pausing } from "./fork-chores.ts";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import type { Stack } from "./stack.ts";
import { Moving, Snapshotting, Turnover, Visiting, Writing } from "./volume-chores.ts";

/** How long a step may take to fail or finish after something was killed, in milliseconds. */
const SETTLE_MS = 60_000;
/** Chores that are at work in a round besides writing: with more of them, each would be too slow to be hit everywhere. */
const AT_WORK = 2;
/** Numbers from which a chore's random choices are made. */
const SEEDS = 2 ** 31;

/** What goes on until something is killed. */
export class Work {
  readonly ledgers: readonly Ledger[];
  readonly snapshots: Snapshotting;
  readonly turnover = new Turnover();
  readonly #chores: readonly Chore[];
  readonly #journal: Journal;
  #running: Promise<void>[] = [];
  readonly #failures = new Map<Chore, unknown>();
  #isEnding = false;

  constructor([one, two, three, four]: readonly [Ledger, Ledger, Ledger, Ledger], journal: Journal) {
    this.ledgers = [one, two, three, four];
    this.#journal = journal;
    const writing = new Writing(one, two);
    this.snapshots = new Snapshotting(writing);
    this.#chores = [
      writing,
      this.snapshots,
      new Moving(three),
      new Visiting(four),
      this.turnover,
      new Forking(),
      new Pausing(),
    ];
  }

  /** Sandboxes that exist for longer than a step. */
  get sandboxes(): Sandbox[] {
    return this.#chores.flatMap(({ sandbox }) => sandbox ?? []);
  }

  /** Works for a while. @throws if anything fails meanwhile */
  async until(momentMs: number, scene: Scene): Promise<void> {
    const { random } = scene;
    const [writing, ...others] = this.#chores;
    const chores = [writing!, ...random.some(AT_WORK, others)];
    const scenes = chores.map(() => ({ ...scene, random: new Random(random.between(0, SEEDS)) }));
    await Promise.all(chores.map((chore, n) => chore.begin(scenes[n]!)));
    this.#isEnding = false;
    this.#failures.clear();
    this.#journal.note(`working: ${chores.map(({ name }) => name).join(", ")}`);
    const failed = Promise.withResolvers<never>();
    this.#running = chores.map((chore) => this.#repeat(chore, failed.reject));
    await Promise.race([delay(momentMs), failed.promise]);
    this.#isEnding = true;
  }

  /** Resolves when every step has failed or finished. @throws if one has failed that nothing has disturbed */
  async end(crash: Crash): Promise<void> {
    await within("every step fails or finishes after the crash", SETTLE_MS, Promise.all(this.#running));
    for (const [chore, error] of this.#failures) if (!chore.mayFail(crash)) throw error;
  }

  /** Checks what must hold after the crash, when a server runs. */
  async recover(crash: Crash, stack: Stack): Promise<void> {
    for (const ledger of this.ledgers) ledger.doubt();
    await Promise.all(this.#chores.map((chore) => chore.recover(crash, stack)));
  }

  async #repeat(chore: Chore, fail: (error: unknown) => void): Promise<void> {
    while (!this.#isEnding) {
      try {
        if ((await chore.step()) === false) return;
        this.#journal.count(chore.name);
        this.#journal.note(chore.name);
      } catch (error) {
        this.#journal.note(`${chore.name} ${error}`);
        this.#failures.set(chore, error);
        if (!this.#isEnding) fail(error);
        return;
      }
    }
  }
}
