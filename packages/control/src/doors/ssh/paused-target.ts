import type { Duplex } from "node:stream";
import type { SshProcess, SshTarget } from "@sandkeep/doors";

/** What is behind the doors of a paused sandbox: nothing, but whoever logs in is told why. */
export class PausedTarget implements SshTarget {
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

  listen(): Promise<number> {
    return this.#refuse();
  }

  async #refuse(): Promise<never> {
    throw new Error(`The sandbox is paused. \`sandkeep resume ${this.#sandbox}\` lets it go on.`);
  }
}
