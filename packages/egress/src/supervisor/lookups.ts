import { promises as dns } from "node:dns";
import { errnoOf } from "@sandkeep/common";
import { type FromProxy, MAX_LOOKUPS, type ToProxy } from "../contract.ts";

/** Answers a proxy's lookups with the system's resolver. */
export class Lookups {
  #open = 0;

  /** @throws {Error} at once, if the proxy asks for more than it may */
  answer(question: Extract<FromProxy, { type: "lookup" }>): Promise<ToProxy> {
    if (this.#open >= MAX_LOOKUPS) throw new Error("it looks up too many names at once");
    this.#open++;
    return this.#lookUp(question);
  }

  async #lookUp({ seq, name }: Extract<FromProxy, { type: "lookup" }>): Promise<ToProxy> {
    try {
      const found = await dns.lookup(name, { all: true });
      return { type: "addresses", seq, addresses: found.map(({ address }) => address), code: null };
    } catch (error) {
      return { type: "addresses", seq, addresses: [], code: errnoOf(error) ?? "EAI_FAIL" };
    } finally {
      this.#open--;
    }
  }
}
