import { readFile } from "node:fs/promises";
import type { SecureContext } from "node:tls";
import type { Logger } from "@sandkeep/common";
import { Certificate } from "./certificate.ts";
import type { CertificatePair, CertificateState, Certificates } from "./contract.ts";
import { Fallback } from "./fallback.ts";

/** Files with a certificate and its key, PEM. */
export interface CertificateFile {
  certFile: string;
  keyFile: string;
}

/** How often the files are read, milliseconds. Whatever renews them does so days before it has to. */
const RELOAD_MS = 60_000;

interface Loaded {
  file: CertificateFile;
  certificate: Certificate;
  problem: string | null;
}

/** Certificates in files, which are read again when they change. The first one is the fallback. */
export class FileCertificates implements Certificates {
  readonly handshakes = null;
  readonly #loaded: Loaded[];
  readonly #fallback: Fallback;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;

  private constructor(loaded: Loaded[], log: Logger) {
    this.#loaded = loaded;
    this.#fallback = new Fallback(loaded[0]!.certificate);
    this.#log = log;
  }

  /** @throws {Error} if a file is missing or has the wrong content */
  static async open(files: readonly [CertificateFile, ...CertificateFile[]], log: Logger): Promise<FileCertificates> {
    const load = async (file: CertificateFile) => ({ file, certificate: parse(file, await read(file)), problem: null });
    return new FileCertificates(await Promise.all(files.map(load)), log);
  }

  async fallback(): Promise<CertificatePair> {
    return this.#fallback.certificate.pair;
  }

  async contextFor(serverName: string): Promise<SecureContext> {
    const found = this.#loaded.find(({ certificate }) => certificate.covers(serverName));
    return (found?.certificate ?? this.#fallback.certificate).context;
  }

  onFallback(listener: (pair: CertificatePair) => void): Disposable {
    return this.#fallback.onChange(listener);
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.reload(), RELOAD_MS).unref();
  }

  /** Reads what has changed. What cannot be used leaves the previous certificate in place. */
  async reload(): Promise<void> {
    for (const loaded of this.#loaded) {
      try {
        const pair = await read(loaded.file);
        const { cert, key } = loaded.certificate.pair;
        if (pair.cert !== cert || pair.key !== key) {
          loaded.certificate = parse(loaded.file, pair);
          this.#log.info({ file: loaded.file.certFile }, "loaded a new certificate");
        }
        loaded.problem = null;
      } catch (error) {
        const { message } = error as Error;
        // Said once: the files are read every minute.
        if (message !== loaded.problem) this.#log.warn({ err: error }, "the previous certificate stays in use");
        loaded.problem = message;
      }
    }
    const [first] = this.#loaded;
    try {
      if (first!.certificate !== this.#fallback.certificate) this.#fallback.certificate = first!.certificate;
    } catch (error) {
      // Servers that use it refuse it.
      first!.problem = (error as Error).message;
      this.#log.error({ err: error }, "a new certificate cannot be used");
    }
  }

  states(): CertificateState[] {
    return this.#loaded.map(({ certificate, problem }) => ({
      source: "files",
      names: certificate.names,
      expiresAt: new Date(certificate.expiresAt),
      problem,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }
}

async function read({ certFile, keyFile }: CertificateFile): Promise<CertificatePair> {
  const text = (file: string) =>
    readFile(file, "utf8").catch((error: Error) => {
      throw new Error(`Cannot read the TLS file ${file}: ${error.message}`);
    });
  const [cert, key] = await Promise.all([text(certFile), text(keyFile)]);
  return { cert, key };
}

function parse({ certFile, keyFile }: CertificateFile, pair: CertificatePair): Certificate {
  try {
    return new Certificate(pair);
  } catch (error) {
    throw new Error(`The TLS files ${certFile} and ${keyFile} cannot be used: ${(error as Error).message}`);
  }
}
