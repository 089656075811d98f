import type { Logger } from "@sandkeep/common";
import { type Code, proxyCode } from "./code.ts";
import { compile, findCompiled } from "./compiled-code.ts";
import { nodeFlags, PACKAGE } from "./jailed-proxy.ts";

export interface AvailableCodeOptions {
  /** The operator's module. */
  hooks: string | null;
  /** A folder with secrets, which must not become visible with it. */
  hidden: string;
  /** Folder of Node's compile cache; null: no code is compiled ahead. */
  compileCache: string | null;
  log: Logger;
}

/** The code of a host's proxies, found once, and compiled in the background for those that start later. */
export class AvailableCode implements AsyncDisposable {
  readonly #options: AvailableCodeOptions;
  readonly #closing = new AbortController();
  readonly #compiling: Promise<void>;
  #found: Promise<Code> | null = null;

  constructor(options: AvailableCodeOptions) {
    this.#options = options;
    this.#compiling = this.#compile().catch((error: unknown) => {
      if (!this.#closing.signal.aborted)
        options.log.info({ error: String(error) }, "the egress proxies' code was not compiled ahead");
    });
  }

  /** `compiled`: see {@link findCompiled}. */
  async find(): Promise<Code & { compiled: string | null }> {
    const { hooks, hidden } = this.#options;
    this.#found ??= proxyCode(PACKAGE, hooks, hidden).catch((error) => {
      this.#found = null;
      throw error;
    });
    const code = await this.#found;
    const cache = this.#cache;
    return { ...code, compiled: cache && findCompiled(cache, code.packages) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#compiling;
  }

  get #cache() {
    const { compileCache: cache } = this.#options;
    return cache === null ? null : { cache, flags: nodeFlags() };
  }

  async #compile(): Promise<void> {
    const { packages, compiled } = await this.find();
    if (this.#cache && compiled === null) await compile(this.#cache, packages, this.#closing.signal);
  }
}
