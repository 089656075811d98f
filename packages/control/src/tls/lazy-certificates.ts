import type { SecureContext } from "node:tls";
import type { CertificatePair, CertificateState, Certificates } from "@sandkeep/doors";

/** Certificates that are opened when a client asks for the first one: most servers on loopback never need any. */
export class LazyCertificates implements Certificates {
  readonly handshakes = null;
  readonly #open: () => Promise<Certificates>;
  readonly #listeners = new Set<(pair: CertificatePair) => void>();
  #opening: Promise<Certificates> | null = null;
  #opened: Certificates | null = null;

  /** @param open Opens those that are used from then on. */
  constructor(open: () => Promise<Certificates>) {
    this.#open = open;
  }

  async fallback(): Promise<CertificatePair> {
    return await (await this.#certificates()).fallback();
  }

  async contextFor(serverName: string): Promise<SecureContext> {
    return await (await this.#certificates()).contextFor(serverName);
  }

  onFallback(listener: (pair: CertificatePair) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  start(): void {}

  states(): CertificateState[] {
    return this.#opened?.states() ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#opening?.catch(() => null))?.[Symbol.asyncDispose]();
  }

  #certificates(): Promise<Certificates> {
    const opening = (this.#opening ??= this.#open().then((certificates) => {
      this.#opened = certificates;
      certificates.onFallback((pair) => {
        for (const listener of this.#listeners) listener(pair);
      });
      certificates.start();
      return certificates;
    }));
    opening.catch(() => (this.#opening = null));
    return opening;
  }
}
