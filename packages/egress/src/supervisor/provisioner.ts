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

  /** Creates the CA and the key if there are none. @throws {Error} if a file cannot be used */
  async load(): Promise<Provisions> {
    this.#upstreamCas ??= readUpstreamCas(this.#config.caFiles);
    const { pem, keyPem } = await loadAuthority(this.#dir);
    const [key, upstreamCas] = await Promise.all([
      Sealer.keyOf(join(this.#dir, "secrets.key")),
      this.#upstreamCas.catch((error) => {
        this.#upstreamCas = null;
        throw error;
      }),
    ]);
    const sealingKey = key.toString("base64");
    key.fill(0);
    return { authority: { pem, keyPem }, sealingKey, upstreamCas, resolvers: systemResolvers() };
  }

  [Symbol.dispose](): void {
    unwatchFile(RESOLVER_FILE, this.#look);
  }
}

/** The resolvers that are configured on this computer right now. */
function systemResolvers(): string[] {
  return new dns.Resolver().getServers();
}
