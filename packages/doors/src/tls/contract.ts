/** Where a server's certificates come from: the local CA, files, or a certificate authority by ACME. */
import type { SecureContext } from "node:tls";

/** A certificate with those that link it to a root, and its key; both PEM. */
export interface CertificatePair {
  cert: string;
  key: string;
}

/** What operators are told about a certificate. */
export interface CertificateState {
  source: "local-ca" | "files" | "acme";
  /** Names and addresses that it is for, or will be for. */
  names: string[];
  /** Null if there is none yet. */
  expiresAt: Date | null;
  /** Why it could not be renewed, or read again; null if nothing went wrong. The previous one stays in use. */
  problem: string | null;
}

/** The certificates of a server. Every method works before `start`; nothing is renewed until then. */
export interface Certificates extends AsyncDisposable {
  /** For clients that name no server: those that connect to an address. */
  fallback(): Promise<CertificatePair>;
  /** For a client that names this server (SNI). Without a certificate for that name it is the fallback, which the client will refuse. */
  contextFor(serverName: string): Promise<SecureContext>;
  /** Calls `listener` whenever the fallback has changed. */
  onFallback(listener: (pair: CertificatePair) => void): Disposable;
  /** Starts to renew in the background. Call it once the server listens: a certificate authority connects to it. */
  start(): void;
  states(): CertificateState[];
  /** Proves to a certificate authority who answers for a name, in handshakes of their own; null if that is not needed. */
  readonly handshakes: ChallengeHandshakes | null;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Challenges that are answered within a TLS handshake (RFC 8737). */
export interface ChallengeHandshakes {
  /** Whether one is expected. Otherwise no connection needs to be looked at. */
  readonly pending: boolean;
  /** The context with which to answer this client, or null if it is an ordinary one. */
  answerTo(hello: { serverName: string | null; alpn: string[] }): SecureContext | null;
}
