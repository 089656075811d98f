import type { Logger } from "@sandkeep/common";
import { Certificate } from "../certificate.ts";
import type { CertificatePair, CertificateState } from "../contract.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { AcmeError } from "./client/error.ts";
import type { Clock } from "./clock.ts";
import { certificateId, USUAL_PAUSE_MS } from "./renewal/renewal-info.ts";
import { pauseAfter, suggestedRenewal, usualRenewal, type Window } from "./renewal/renewal-time.ts";
import type { CertificateFile } from "./state/certificate-file.ts";

/** Longest pause between two looks at the clock, milliseconds: computers sleep, and clocks are set. */
const MAX_SLEEP_MS = 60 * 60_000;
/** Shortest time between two certificates, milliseconds, however short-lived they are and whatever the clock says. */
const MIN_INTERVAL_MS = 60 * 60_000;
/** A failure is an error in the log, and not a warning, if the certificate expires sooner than this, milliseconds. */
const URGENT_MS = 3 * 24 * 60 * 60_000;

export interface ManagedOptions {
  /** DNS names, with wildcards. */
  names: readonly string[];
  authority: Pick<CertificateAuthority, "order" | "suggestion">;
  file: CertificateFile;
  clock: Clock;
  log: Logger;
  /** From 0 to 1. */
  random?: () => number;
}

/** One certificate: ordered when it is missing, renewed in time. While that fails, the previous one stays in use. */
export class ManagedCertificate {
  readonly names: readonly string[];
  readonly #options: ManagedOptions;
  readonly #random: () => number;
  #certificate: Certificate | null;
  #problem: string | null = null;
  #failures = 0;
  /** Nothing is ordered before this time. */
  #notBefore: number;
  #suggested: { window: Window; at: number } | null = null;
  #askAt = 0;

  private constructor(options: ManagedOptions, certificate: Certificate | null, notBefore: number) {
    this.names = options.names;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#certificate = certificate;
    this.#notBefore = notBefore;
  }

  static async load(options: ManagedOptions): Promise<ManagedCertificate> {
    const [certificate, notBefore] = await Promise.all([options.file.load(), options.file.loadWait()]);
    return new ManagedCertificate(options, certificate, notBefore);
  }

  /** Null until there is one. It may have expired. */
  get certificate(): Certificate | null {
    return this.#certificate;
  }

  get state(): CertificateState {
    const expiresAt = this.#certificate?.expiresAt;
    return {
      source: "acme",
      names: [...this.names],
      expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
      problem: this.#problem,
    };
  }

  /** Keeps the certificate up to date until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    try {
      for (;;) {
        await this.#ask(signal);
        const wait = this.#due() - clock.now();
        if (wait > 0) await clock.sleep(Math.min(wait, MAX_SLEEP_MS), signal);
        else await this.#renew(signal);
      }
    } catch (error) {
      if (!signal.aborted) log.error({ err: error, names: this.names }, "certificates are no longer renewed");
    }
  }

  /** When the next order is due; the time has passed if it is now. */
  #due(): number {
    const certificate = this.#usable();
    const wanted = certificate ? (this.#suggested?.at ?? usualRenewal(certificate)) : 0;
    return Math.max(wanted, this.#notBefore);
  }

  /** The certificate, if it is for all names: they may have changed since. */
  #usable(): Certificate | null {
    const certificate = this.#certificate;
    return certificate && this.names.every((name) => certificate.covers(name)) ? certificate : null;
  }

  /** Asks when to renew, as often as the certificate authority wants to be asked. */
  async #ask(signal: AbortSignal): Promise<void> {
    const { clock, authority, log } = this.#options;
    const certificate = this.#usable();
    const id = certificate && certificateId(certificate);
    if (!certificate || id === null || clock.now() < this.#askAt) return;
    this.#askAt = clock.now() + USUAL_PAUSE_MS;
    try {
      const suggestion = await authority.suggestion(id, signal);
      if (suggestion === null) return;
      const { window, pauseMs } = suggestion;
      const known = this.#suggested?.window;
      this.#askAt = clock.now() + pauseMs;
      if (known?.start !== window.start || known.end !== window.end)
        this.#suggested = { window, at: suggestedRenewal(certificate, window, this.#random()) };
    } catch (error) {
      signal.throwIfAborted();
      // Without an answer it is renewed at the usual time.
      log.info({ err: error, names: this.names }, "the certificate authority did not say when to renew");
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { authority, file, clock, log } = this.#options;
    const names = this.names;
    const previous = this.#usable();
    try {
      const pair = await authority.order(names, previous && certificateId(previous), signal);
      this.#certificate = new Certificate(pair);
      this.#problem = await this.#save(pair);
      this.#failures = 0;
      this.#suggested = null;
      this.#askAt = 0;
      this.#notBefore = clock.now() + MIN_INTERVAL_MS;
      await file.saveWait(null);
      log.info({ names, expiresAt: this.state.expiresAt }, "got a certificate");
    } catch (error) {
      signal.throwIfAborted();
      await this.#failed(error as Error);
    }
  }

  /** Why it could not be written down, or null. It is used all the same: another would not fare better. */
  async #save(pair: CertificatePair): Promise<string | null> {
    const { file, log } = this.#options;
    try {
      await file.save(pair);
      return null;
    } catch (error) {
      log.error({ err: error, names: this.names }, "a certificate could not be kept");
      return `The certificate could not be kept, and is ordered anew when the server starts: ${(error as Error).message}`;
    }
  }

  async #failed(error: Error): Promise<void> {
    const { file, clock, log } = this.#options;
    const now = clock.now();
    this.#problem = error.message;
    const asked = error instanceof AcmeError ? error.retryAt : null;
    this.#notBefore = Math.max(now + pauseAfter(++this.#failures, this.#random()), asked ?? 0);
    const retryAt = new Date(this.#notBefore);
    const expiresAt = this.#certificate?.expiresAt ?? 0;
    const fields = { err: error, names: this.names, retryAt };
    if (expiresAt - now < URGENT_MS)
      log.error(fields, "there is no certificate, or it expires soon, and none could be had");
    else log.warn(fields, "a certificate could not be renewed; the previous one stays in use");
    if (asked !== null)
      await file.saveWait(asked).catch((err: Error) => log.warn({ err }, "could not be written down"));
  }
}
