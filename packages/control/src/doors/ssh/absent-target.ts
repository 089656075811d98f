import type { Duplex } from "node:stream";
import type { SshListener, SshProcess, SshTarget } from "@sandkeep/doors";

/** What is behind the doors of a sandbox that is paused, or whose host is away: nothing, but whoever logs in is told why. */
export class AbsentTarget implements SshTarget {
  readonly #sandbox: string;

  constructor(sandbox: string) {
    this.#sandbox = sandbox;
  }

  spawn(): Promise<SshProcess> {
    return this.#refuse();
  }

  dial(): Promise<Duplex> {
    return this.#refuse();
  }

  listen(): Promise<SshListener> {
    return this.#refuse();
  }

  async #refuse(): Promise<never> {
    throw new Error(`The sandbox does not run. If it is paused, \`sandkeep resume ${this.#sandbox}\` lets it go on.`);
  }
}
