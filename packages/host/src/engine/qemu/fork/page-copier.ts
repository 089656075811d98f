/**
 * Copies what a machine has changed of its template's memory. Node.js cannot read another process's memory, so the
 * agent's program does it, on the host.
 */
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { z } from "zod";
import { type HelperProcess, hold, release, startHelper } from "../helper-process.ts";
import type { ProcessRecord } from "../process-record.ts";

/** One end of a copy: a process that has mapped the memory, or a file of pages; a target file must not exist yet. */
export type CopyEnd = { process: Pick<ProcessRecord, "pid" | "startTicks"> } | { file: string };

export interface CopyOrder {
  /** The template's memory. */
  memory: string;
  from: CopyEnd;
  to: CopyEnd;
}

/** How long the program may take to start. */
const START_MS = 20_000;
/** How long a copy may take: 1.2 ms for each MB, so 5 s for the largest machine; on a busy computer ten times as long. */
const COPY_MS = 60_000;

const resultSchema = z.object({ pages: z.number(), bytes: z.number(), ms: z.number() });
const answerSchema = z.object({ result: resultSchema.optional(), error: z.string().optional() });
export type CopyResult = z.infer<typeof resultSchema>;

export class PageCopier implements AsyncDisposable {
  /** Resolves when it waits for orders. */
  readonly ready: Promise<void>;
  readonly #child: HelperProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  #turn: Promise<unknown>;
  /** Whether every order was answered. */
  #isIdle = false;

  /** Starts the program, which takes longer than many a copy. @param agent its path */
  constructor(agent: string) {
    this.#child = startHelper([agent, "-copy-pages"]);
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    this.#turn = this.ready = this.#answer(START_MS).then(() => {});
    this.ready.catch(() => {});
  }

  /** Copies pages; one order after another. The source must not run meanwhile, and the target must not have run. */
  copy(order: CopyOrder): Promise<CopyResult> {
    const done = this.#turn.then(async () => {
      this.#child.stdin.write(`${JSON.stringify(order)}\n`);
      const { result } = await this.#answer(COPY_MS);
      if (!result) throw new Error("The memory of a machine could not be copied: no result.");
      return result;
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Whether it can be given to somebody else: nothing was lost, and it still runs. */
  get isIdle(): boolean {
    return this.#isIdle && this.#runs;
  }

  /** Somebody needs it from now on, or nobody does. */
  set isNeeded(isNeeded: boolean) {
    if (isNeeded) hold(this.#child);
    else release(this.#child);
  }

  get #runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #answer(withinMs: number): Promise<z.infer<typeof answerSchema>> {
    this.#isIdle = false;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#child.kill("SIGKILL");
      late.reject(new Error(`The memory of a machine could not be copied within ${withinMs / 1_000} s.`));
    }, withinMs);
    try {
      const { value, done } = await Promise.race([this.#answers.next(), late.promise]);
      if (done) throw new Error("The program that copies machines' memory has ended.");
      const answer = answerSchema.parse(JSON.parse(value));
      this.#isIdle = true;
      if (answer.error !== undefined) throw new Error(`The memory of a machine could not be copied: ${answer.error}`);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#runs ? once(this.#child, "exit") : null;
    this.#lines.close();
    this.#child.kill("SIGKILL");
    await ended?.catch(() => {});
  }
}
