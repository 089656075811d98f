import { join } from "node:path";
import type { SecureContext } from "node:tls";
import type { Logger } from "@sandkeep/common";
import { type Authority, DAY_MS, LeafCertificates, loadAuthority } from "@sandkeep/common/x509";
import { Certificate } from "../certificate.ts";
import type { CertificatePair, CertificateState, Certificates } from "../contract.ts";
import { Fallback } from "../fallback.ts";
import { serverLeaf } from "./server-leaf.ts";

export interface LocalOptions {
  /** Where the CA and the server's certificate are kept. */
  dir: string;
  /** The server's own names and addresses at this moment. */
  names: () => readonly string[];
  /** Whether another name gets a certificate when a client asks for it, such as that of a door. By default none does. */
  issues?: (serverName: string) => boolean;
  log: Logger;
}

/** Certificates of this installation's own CA, which clients must trust. */
export class LocalCertificates implements Certificates {
  readonly handshakes = null;
  /** PEM file of the CA. */
  readonly caFile: string;
  readonly #options: LocalOptions;
  readonly #authority: Authority;
  readonly #leaves: LeafCertificates;
  readonly #fallback: Fallback;
  #problem: string | null = null;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: LocalOptions, authority: Authority, leaves: LeafCertificates, own: Certificate) {
    this.caFile = join(options.dir, "ca.pem");
    this.#options = options;
    this.#authority = authority;
    this.#leaves = leaves;
    this.#fallback = new Fallback(own);
  }

  /** Makes the CA and the certificate unless they exist. */
  static async open(options: LocalOptions): Promise<LocalCertificates> {
    const authority = await loadAuthority(options.dir, {
      newName: () => `Sandkeep local CA ${new Date().toISOString().slice(0, 10)}`,
      damaged: "replace",
    });
    const own = new Certificate(await serverLeaf(options.dir, authority, options.names()));
    return new LocalCertificates(options, authority, await LeafCertificates.create(authority), own);
  }

  async fallback(): Promise<CertificatePair> {
    return this.#fallback.certificate.pair;
  }

  async contextFor(serverName: string): Promise<SecureContext> {
    const own = this.#fallback.certificate;
    if (own.covers(serverName) || !this.#options.issues?.(serverName)) return own.context;
    return await this.#leaves.contextFor(serverName);
  }

  onFallback(listener: (pair: CertificatePair) => void): Disposable {
    return this.#fallback.onChange(listener);
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.renew(), DAY_MS).unref();
  }

  /** Replaces the server's certificate if it is about to expire, or the names have changed. */
  async renew(): Promise<void> {
    const { dir, names, log } = this.#options;
    try {
      const pair = await serverLeaf(dir, this.#authority, names());
      if (pair.cert !== this.#fallback.certificate.pair.cert) this.#fallback.certificate = new Certificate(pair);
      this.#problem = null;
    } catch (error) {
      this.#problem = (error as Error).message;
      log.error({ err: error }, "the server's certificate could not be renewed");
    }
  }

  states(): CertificateState[] {
    const { names, expiresAt } = this.#fallback.certificate;
    return [{ source: "local-ca", names, expiresAt: new Date(expiresAt), problem: this.#problem }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }
}
