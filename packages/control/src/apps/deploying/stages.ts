import type { BuildLog, RevisionProgress, Stage } from "@sandkeep/protocol";

/** What a deployment says, at most: lines, characters of each, and bytes in all as they are stored. */
const MAX = { lines: 500, length: 2_000, bytes: 128 * 1024 };

/** How a stage that was running ends when the deployment fails. */
export type Failure = "errored" | "cancelled" | "timed_out";

const pending: Stage = { status: "pending" };
const skipped: Stage = { status: "skipped" };
const now = () => new Date().toISOString();

/** How far a deployment is, and what it said. */
export class Stages {
  readonly log: BuildLog[] = [];
  #progress: RevisionProgress;
  #bytes = 0;
  #full = false;
  /** How it ended is said in any case. */
  #over = false;

  /** @param timelines slugs of those that will lead to the revision */
  constructor(timelines: readonly string[]) {
    this.#progress = {
      queued: running(),
      preparing: pending,
      installing: { ...pending, command: null },
      building: { ...pending, command: null },
      deploying: {
        ...pending,
        timelines: timelines.map((slug) => ({
          ...pending,
          slug,
          partition: {},
          database: skipped,
          predeploy: { ...skipped, command: null },
          warmup: pending,
          routing: pending,
        })),
      },
    };
  }

  get progress(): RevisionProgress {
    return this.#progress;
  }

  say(step: BuildLog["step"], message: string, level: BuildLog["level"] = "info"): void {
    if (this.#full && !this.#over) return;
    const text = message.slice(0, MAX.length).toWellFormed() + (message.length > MAX.length ? "…" : "");
    const line: BuildLog = { timestamp: now(), level, message: text, step };
    this.#bytes += Buffer.byteLength(JSON.stringify(line));
    this.#full = this.log.length >= MAX.lines || this.#bytes > MAX.bytes;
    if (this.#full && !this.#over) line.message = "There are more lines, which are not kept here.";
    this.log.push(line);
  }

  prepare(): void {
    const { queued } = this.#progress;
    this.#progress = { ...this.#progress, queued: ended(queued), preparing: running() };
  }

  /** There is nothing to install and nothing to build. */
  warmUp(): void {
    const { preparing, deploying } = this.#progress;
    this.#progress = {
      ...this.#progress,
      preparing: ended(preparing),
      installing: { ...skipped, command: null },
      building: { ...skipped, command: null },
      deploying: {
        ...running(),
        timelines: deploying.timelines.map((timeline) => ({ ...timeline, ...running(), warmup: running() })),
      },
    };
  }

  route(): void {
    this.#timelines((timeline) => ({ ...timeline, warmup: ended(timeline.warmup), routing: running() }));
  }

  succeed(): void {
    this.#over = true;
    this.#timelines((timeline) => ({ ...timeline, ...ended(timeline), routing: ended(timeline.routing) }));
    const { deploying } = this.#progress;
    this.#progress = { ...this.#progress, deploying: { ...deploying, ...ended(deploying) } };
  }

  /** Whatever was running has failed; what was to come is skipped. */
  fail(how: Failure): void {
    this.#over = true;
    const { queued, preparing, installing, building, deploying } = this.#progress;
    const after = <One extends Stage>(stage: One): One =>
      stage.status === "running"
        ? { ...stage, status: how, end: now() }
        : stage.status === "pending"
          ? { ...stage, status: "skipped" }
          : stage;
    this.#progress = {
      queued: after(queued),
      preparing: after(preparing),
      installing: after(installing),
      building: after(building),
      deploying: {
        ...after(deploying),
        timelines: deploying.timelines.map((timeline) => ({
          ...after(timeline),
          warmup: after(timeline.warmup),
          routing: after(timeline.routing),
        })),
      },
    };
  }

  #timelines(change: (timeline: Timelines[number]) => Timelines[number]): void {
    const { deploying } = this.#progress;
    this.#progress = { ...this.#progress, deploying: { ...deploying, timelines: deploying.timelines.map(change) } };
  }
}

type Timelines = RevisionProgress["deploying"]["timelines"];

const running = () => ({ status: "running" as const, start: now() });
const ended = <One extends Stage>(stage: One): One => ({ ...stage, status: "succeeded", end: now() });
