import type { Certificate } from "./certificate.ts";
import type { CertificatePair } from "./contract.ts";

/** The certificate for clients that name no server, and who wants to know when it changes. */
export class Fallback {
  #certificate: Certificate;
  readonly #listeners = new Set<(pair: CertificatePair) => void>();

  constructor(certificate: Certificate) {
    this.#certificate = certificate;
  }

  get certificate(): Certificate {
    return this.#certificate;
  }

  set certificate(certificate: Certificate) {
    this.#certificate = certificate;
    for (const listener of this.#listeners) listener(certificate.pair);
  }

  onChange(listener: (pair: CertificatePair) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
