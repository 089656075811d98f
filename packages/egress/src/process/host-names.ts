/**
 * Names that programs look up with the system's resolver: that of the configured upstream proxy, and those that hooks use. The jail has
 * no `/etc`, so the host looks them up, with everything that is configured there at that moment. Names that guests ask for never
 * come here.
 */
import dns, { type LookupAddress, type LookupOptions } from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { isIP } from "node:net";
import { type FromProxy, MAX_LOOKUPS, type ToProxy } from "../contract.ts";

type Addresses = Extract<ToProxy, { type: "addresses" }>;
type Done = (error: NodeJS.ErrnoException | null, address?: string | LookupAddress[], family?: number) => void;

/** Longest name, characters. */
const MAX_NAME = 253;

export class HostNames {
  readonly #send: (message: FromProxy) => void;
  readonly #asked = new Map<number, (answer: Addresses) => void>();
  readonly #waiting: (() => void)[] = [];
  /** Names that are being looked up: who asks meanwhile gets the same answer. */
  readonly #underWay = new Map<string, Promise<LookupAddress[]>>();
  #seq = 0;

  constructor(send: (message: FromProxy) => void) {
    this.#send = send;
  }

  /** Makes `dns.lookup`, and with it everything that connects to a name in this process, ask the host. */
  install(): void {
    const callback = (name: string, options: LookupOptions | number | Done, done?: Done) => {
      const given = typeof options === "function" ? {} : typeof options === "number" ? { family: options } : options;
      const finish = (typeof options === "function" ? options : done)!;
      this.lookup(name, given).then(
        (found) => (given.all ? finish(null, found) : finish(null, found[0]!.address, found[0]!.family)),
        finish,
      );
    };
    Object.assign(dns, { lookup: callback });
    Object.assign(dns.promises, {
      lookup: async (name: string, options: LookupOptions | number = {}) => {
        const given = typeof options === "number" ? { family: options } : options;
        const found = await this.lookup(name, given);
        return given.all ? found : found[0]!;
      },
    });
    syncBuiltinESMExports();
  }

  /** At least one address. @throws {Error} with the code of getaddrinfo(3), such as ENOTFOUND */
  async lookup(name: string, { family = 0 }: Pick<LookupOptions, "family">): Promise<LookupAddress[]> {
    // The host takes no other names (RFC 1035 §2.3.4), and a hook may ask for anything.
    if (typeof name !== "string" || name === "" || name.length > MAX_NAME)
      throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND", hostname: name });
    const literal = isIP(name);
    const found = literal ? [{ address: name, family: literal }] : await this.#shared(name);
    const wanted = { IPv4: 4, IPv6: 6 }[family] ?? Number(family);
    const fitting = found.filter((one) => wanted === 0 || one.family === wanted);
    if (fitting.length === 0)
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND", hostname: name });
    return fitting;
  }

  /** The host's answer to a question. */
  take(answer: Addresses): void {
    this.#asked.get(answer.seq)?.(answer);
    this.#asked.delete(answer.seq);
    this.#waiting.shift()?.();
  }

  #shared(name: string): Promise<LookupAddress[]> {
    let asked = this.#underWay.get(name);
    if (!asked) {
      asked = this.#ask(name).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, asked);
    }
    return asked;
  }

  async #ask(name: string): Promise<LookupAddress[]> {
    while (this.#asked.size >= MAX_LOOKUPS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const seq = ++this.#seq;
    const { promise, resolve } = Promise.withResolvers<Addresses>();
    this.#asked.set(seq, resolve);
    this.#send({ type: "lookup", seq, name });
    const { addresses, code } = await promise;
    if (code !== null) throw Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code, hostname: name });
    return addresses.map((address) => ({ address, family: isIP(address) }));
  }
}
