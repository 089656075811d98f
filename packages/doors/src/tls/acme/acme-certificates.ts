import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SecureContext } from "node:tls";
import type { Logger } from "@sandkeep/common";
import type { CertificatePair, CertificateState, Certificates, ChallengeHandshakes } from "../contract.ts";
import { CertificateAuthority } from "./certificate-authority.ts";
import { DnsHook } from "./challenges/dns-hook.ts";
import { HttpChallenges } from "./challenges/http-challenges.ts";
import { HttpListener } from "./challenges/http-listener.ts";
import type { Solver } from "./challenges/solver.ts";
import { TlsChallenges } from "./challenges/tls-challenges.ts";
import type { ExternalAccount } from "./client/account-key.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ManagedCertificate } from "./managed-certificate.ts";
import { CertificateFile } from "./state/certificate-file.ts";

export interface AcmeOptions {
  /** Address of the certificate authority's directory. */
  directory: string;
  /** DNS names, with wildcards. */
  domains: readonly string[];
  challenge: ChallengeOptions;
  email?: string | undefined;
  externalAccount?: ExternalAccount | undefined;
  /** PEM file of CAs to trust for the directory, besides the system's. */
  caFile?: string | undefined;
}

/** How the names are checked. */
export type ChallengeOptions =
  | { type: "tls-alpn-01" }
  /** Where to listen, usually on port 80. */
  | { type: "http-01"; host: string; port: number }
  /** The program that changes DNS records. */
  | { type: "dns-01"; hook: string };

export interface AcmeSurroundings {
  /** Where accounts and certificates are kept. */
  dir: string;
  /** Certificates for all other names. Disposed of with these. */
  others: Certificates;
  userAgent: string;
  log: Logger;
  clock?: Clock;
}

/** Certificates of a certificate authority that speaks ACME (RFC 8555), such as Let's Encrypt. */
export class AcmeCertificates implements Certificates {
  readonly handshakes: ChallengeHandshakes | null;
  readonly #managed: readonly ManagedCertificate[];
  readonly #others: Certificates;
  readonly #owned: AsyncDisposableStack;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];

  private constructor(
    managed: readonly ManagedCertificate[],
    others: Certificates,
    solver: Solver,
    owned: AsyncDisposableStack,
  ) {
    this.#managed = managed;
    this.#others = others;
    this.handshakes = solver instanceof TlsChallenges ? solver : null;
    this.#owned = owned;
  }

  /** @throws {Error} if a file cannot be read, or the port for HTTP-01 cannot be had */
  static async open(options: AcmeOptions, surroundings: AcmeSurroundings): Promise<AcmeCertificates> {
    const { directory, domains, email = null, externalAccount = null, caFile } = options;
    const { others, userAgent, log, clock = systemClock } = surroundings;
    await using owned = new AsyncDisposableStack();
    owned.use(others);
    const solver = await openSolver(options.challenge, owned, log);
    const ca = caFile === undefined ? null : await readFile(caFile, "utf8");
    const dir = join(surroundings.dir, folderOf(directory));
    const authority = owned.use(
      new CertificateAuthority({ directory, email, externalAccount, ca, userAgent, dir, solver, clock }),
    );
    const managed = await Promise.all(
      groups(domains).map((names) =>
        ManagedCertificate.load({ names, authority, file: new CertificateFile(dir, names[0]!), clock, log }),
      ),
    );
    return new AcmeCertificates(managed, others, solver, owned.move());
  }

  fallback(): Promise<CertificatePair> {
    return this.#others.fallback();
  }

  async contextFor(serverName: string): Promise<SecureContext> {
    const found = this.#managed.find(({ certificate }) => certificate?.covers(serverName));
    return found?.certificate?.context ?? (await this.#others.contextFor(serverName));
  }

  onFallback(listener: (pair: CertificatePair) => void): Disposable {
    return this.#others.onFallback(listener);
  }

  start(): void {
    this.#others.start();
    if (this.#running.length > 0) return;
    for (const certificate of this.#managed) this.#running.push(certificate.run(this.#stopping.signal));
  }

  states(): CertificateState[] {
    return [...this.#managed.map(({ state }) => state), ...this.#others.states()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
    await this.#owned.disposeAsync();
  }
}

async function openSolver(challenge: ChallengeOptions, owned: AsyncDisposableStack, log: Logger): Promise<Solver> {
  if (challenge.type === "tls-alpn-01") return new TlsChallenges();
  if (challenge.type === "dns-01") return new DnsHook(challenge.hook, log);
  const challenges = new HttpChallenges();
  owned.use(await HttpListener.open(challenges, challenge));
  return challenges;
}

/** The names of each certificate. A name and its wildcard share one, because the same DNS record proves both; other names have their own. */
export function groups(domains: readonly string[]): string[][] {
  const byName = new Map<string, string[]>();
  for (const domain of [...domains].sort((a, b) => a.length - b.length)) {
    const base = domain.replace(/^\*\./, "");
    const group = domain !== base && byName.get(base);
    if (group) group.push(domain);
    else byName.set(domain, [domain]);
  }
  return [...byName.values()];
}

/** A folder for each certificate authority: accounts and certificates of a test environment must not be taken for the real ones. */
function folderOf(directory: string): string {
  return `${new URL(directory).hostname}-${createHash("sha256").update(directory).digest("hex").slice(0, 8)}`;
}
