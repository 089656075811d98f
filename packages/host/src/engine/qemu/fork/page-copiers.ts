import { PageCopier } from "./page-copier.ts";

/** The copiers of a host. One waits when there was work before: starting it takes longer than many a copy. */
export class PageCopiers implements AsyncDisposable {
  readonly #agent: string;
  #idle: PageCopier | null = null;
  #closed = false;

  /** @param agent path of the program that copies memory */
  constructor(agent: string) {
    this.#agent = agent;
  }

  /** A copier for one task. */
  lend(): { copier: PageCopier } & AsyncDisposable {
    const waiting = this.#idle;
    this.#idle = null;
    const copier = waiting?.isIdle ? waiting : new PageCopier(this.#agent);
    copier.isNeeded = true;
    return {
      copier,
      [Symbol.asyncDispose]: async () => {
        if (this.#closed || this.#idle || !copier.isIdle) return await copier[Symbol.asyncDispose]();
        copier.isNeeded = false;
        this.#idle = copier;
      },
    };
  }

  /** Ends the one that waits, and those that are lent when they are given back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const waiting = this.#idle;
    this.#idle = null;
    if (!waiting) return;
    waiting.isNeeded = true;
    await waiting[Symbol.asyncDispose]();
  }
}
