/** What proxy processes are given, because they can read no files. */
import dns from "node:dns";
import { unwatchFile, watchFile } from "node:fs";
import { join } from "node:path";
import type { EgressConfig, Provisions } from "../contract.ts";
import { loadAuthority, readUpstreamCas } from "../proxy/mod.ts";
import { Sealer } from "../secrets/mod.ts";

const RESOLVER_FILE = "/etc/resolv.conf";
/** Interval between looks at {@link RESOLVER_FILE}, milliseconds. It may be a link, so changes are not notified. */
const LOOK_MS = 2_000;

export class Provisioner implements Disposable {
  readonly #dir: string;
  readonly #config: Pick<EgressConfig, "caFiles">;
  readonly #onResolvers: (resolvers: string[]) => void;
  readonly #look = () => this.#onResolvers(systemResolvers());
  #upstreamCas: Promise<string[]> | null = null;
  /** What is being loaded. */
  #loading: Promise<Provisions> | null = null;

  /**
   * @param dir folder with the CA and the key for sealed secrets
   * @param onResolvers called when the system's resolvers may have changed
   */
  constructor(dir: string, config: Pick<EgressConfig, "caFiles">, onResolvers: (resolvers: string[]) => void) {
    this.#dir = dir;
    this.#config = config;
    this.#onResolvers = onResolvers;
    watchFile(RESOLVER_FILE, { interval: LOOK_MS, persistent: false }, this.#look);
  }

  /**
   * Creates the CA and the key if there are none. Proxies that start together share what is loaded: two would create two CAs.
   *
   * @throws {Error} if a file cannot be used
   */
  load(): Promise<Provisions> {
    this.#loading ??= this.#load().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #load(): Promise<Provisions> {
    this.#upstreamCas ??= readUpstreamCas(this.#config.caFiles);
    const upstreamCas = this.#upstreamCas;
    // It may fail before it is awaited.
    upstreamCas.catch(() => (this.#upstreamCas = null));
    const { pem, keyPem } = await loadAuthority(this.#dir);
    const key = await Sealer.keyOf(join(this.#dir, "secrets.key"));
    const sealingKey = key.toString("base64");
    key.fill(0);
    return { authority: { pem, keyPem }, sealingKey, upstreamCas: await upstreamCas, resolvers: systemResolvers() };
  }

  [Symbol.dispose](): void {
    unwatchFile(RESOLVER_FILE, this.#look);
  }
}

/** The resolvers that are configured on this computer right now. */
function systemResolvers(): string[] {
  return new dns.Resolver().getServers();
}
