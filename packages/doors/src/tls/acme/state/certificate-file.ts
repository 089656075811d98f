import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readOwnFile, writeFileAtomically } from "@sandkeep/common";
import { Certificate } from "../../certificate.ts";
import type { CertificatePair } from "../../contract.ts";

const MAX_BYTES = 256 * 1024;

/** A certificate and its key, in one file that only its owner can read, so that they always belong together. */
export class CertificateFile {
  readonly #path: string;
  readonly #waitPath: string;

  /** @param name of the certificate: its first name */
  constructor(dir: string, name: string) {
    const base = name.replace("*", "_");
    this.#path = join(dir, `${base}.pem`);
    this.#waitPath = join(dir, `${base}.wait`);
  }

  /** Null if there is none that can be used. */
  async load(): Promise<Certificate | null> {
    const text = await readOwnFile(this.#path, { maxBytes: MAX_BYTES });
    const at = text?.indexOf("-----BEGIN CERTIFICATE-----") ?? -1;
    if (text === null || at < 0) return null;
    try {
      return new Certificate({ key: text.slice(0, at), cert: text.slice(at) });
    } catch {
      // Ordered anew, as one that is missing.
      return null;
    }
  }

  async save({ cert, key }: CertificatePair): Promise<void> {
    await this.#makeDirectory();
    await writeFileAtomically(this.#path, `${key.trimEnd()}\n${cert}`);
  }

  /** Before when the certificate authority must not be asked again, in milliseconds since 1970; 0 at any time. */
  async loadWait(): Promise<number> {
    const at = Date.parse((await readOwnFile(this.#waitPath))?.trim() ?? "");
    return Number.isNaN(at) ? 0 : at;
  }

  /** Keeps it across restarts, or forgets it. */
  async saveWait(until: number | null): Promise<void> {
    if (until === null) return await rm(this.#waitPath, { force: true });
    await this.#makeDirectory();
    await writeFileAtomically(this.#waitPath, `${new Date(until).toISOString()}\n`);
  }

  async #makeDirectory(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
  }
}
