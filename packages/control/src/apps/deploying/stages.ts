import type { BuildLog, RevisionProgress, Stage } from "@sandkeep/protocol";

/** Lines that a deployment says, at most. */
const MAX_LINES = 500;

/** How a stage that was running ends when the deployment fails. */
export type Failure = "errored" | "cancelled" | "timed_out";

const pending: Stage = { status: "pending" };
const skipped: Stage = { status: "skipped" };
const now = () => new Date().toISOString();

/** How far a deployment is, and what it said. */
export class Stages {
  readonly log: BuildLog[] = [];
  #progress: RevisionProgress;

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
    if (this.log.length > MAX_LINES) return;
    const text = this.log.length === MAX_LINES ? "There are more lines, which are not kept here." : message;
    this.log.push({ timestamp: now(), level, message: text, step });
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
    this.#timelines((timeline) => ({ ...timeline, ...ended(timeline), routing: ended(timeline.routing) }));
    const { deploying } = this.#progress;
    this.#progress = { ...this.#progress, deploying: { ...deploying, ...ended(deploying) } };
  }

  /** Whatever was running has failed; what was to come is skipped. */
  fail(how: Failure): void {
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
