/** A rule that permits requests; see {@linkcode EgressPolicy.rules}. A request must meet every given condition. */
export interface RequestRule {
  /** The hosts it applies to: a pattern as in `allowNet`. Hosts without a rule are not restricted. */
  host: string;
  /** Permitted methods, in upper case; any when absent. */
  methods?: string[];
  /**
   * Patterns for the path without its query: `*` within a segment, `**` across segments, such as `/v1/*` or `/repos/**`;
   * any when absent.
   */
  paths?: string[];
  /** Whether it permits WebSockets too; they are denied when absent. */
  websocket?: boolean;
  /** Largest request body, in bytes; for a WebSocket, everything that is sent over it. */
  maxRequestBytes?: number;
  /** Most requests of this sandbox per minute. Each message sent over a WebSocket counts as one. */
  requestsPerMinute?: number;
}

/** What a sandbox may reach. */
export interface EgressPolicy {
  /** Host patterns, as in `allowNet`; null permits every public host. */
  allow: string[] | null;
  /** Host patterns that take precedence over `allow`. */
  deny: string[];
  /** A request to a host that has rules must match at least one of them. */
  rules: RequestRule[];
}

/** A secret without its value. */
export interface SecretInfo {
  /** Name of the environment variable that holds the placeholder. */
  name: string;
  /** Hosts to which it may go. */
  hosts: string[];
  /** Where the placeholder is replaced, besides headers and the query. */
  in: "body"[];
}

/** What a sandbox may reach, and its secrets; see {@linkcode SandboxEgress.get}. */
export interface EgressState extends EgressPolicy {
  /** Its secrets. */
  secrets: SecretInfo[];
}

/** A secret's new value; see {@linkcode SandboxEgress.setSecret}. */
export interface SecretUpdate {
  /** The secret: 1 to 16,384 bytes of UTF-8, without line breaks and other control characters. */
  value: string;
  /**
   * Hosts to which it may go: names, also `*.example.com`, with or without a port; no IP addresses. Optional for an
   * existing secret.
   */
  hosts?: string[];
  /**
   * `["body"]` also replaces the placeholder in request bodies. When absent, a new secret does not, and an existing one
   * stays as it is.
   */
  in?: "body"[];
  /** The format of a new secret's placeholder, such as `sk-ant-…`; see {@linkcode SecretConfig.placeholder}. */
  placeholder?: string;
}

/** Fields that every entry of the log has. */
export interface EgressEventBase {
  /** Unique id; ids sort by time. */
  id: string;
  /** When it started. */
  startedAt: Date;
  /** How long it took, in milliseconds. */
  durationMs: number;
  /** Whether it was permitted. */
  verdict: "allowed" | "denied" | "failed";
  /** The pattern or rule that decided, if there is one. */
  rule: string | null;
  /** Why it was denied or failed. */
  reason: string | null;
  /** The process in the sandbox, as the sandbox reports it: do not trust it. */
  process: { pid: number; name: string } | null;
}

/** A request that the sandbox sent or tried to send. */
export interface EgressHttpEvent extends EgressEventBase {
  kind: "http";
  protocol: "http/1.1" | "h2" | "websocket";
  scheme: "http" | "https";
  method: string;
  host: string;
  port: number;
  /** The path without the query. */
  path: string;
  /** Names of the query parameters, never their values. */
  query: string[];
  /** Status of the response that the sandbox got; null if it got none. */
  status: number | null;
  /** Size of the request body and of the response body, in bytes. */
  bytesUp: number;
  bytesDown: number;
  /** Names of the secrets whose placeholders were replaced. */
  secrets: string[];
  /** Names of the secrets whose placeholder was seen where it is not replaced. */
  placeholders: string[];
  /** The address that was connected to. */
  address: string | null;
}

/** A connection that does not carry HTTP requests, or that was denied. */
export interface EgressConnectionEvent extends EgressEventBase {
  kind: "connection";
  protocol: "tcp" | "tls" | "udp";
  /** The host's name, or its address if it has no name. */
  host: string;
  port: number;
  /** The address that was connected to. */
  address: string | null;
  /** Bytes that the sandbox sent and received. */
  bytesUp: number;
  bytesDown: number;
}

/** A DNS query. */
export interface EgressDnsEvent extends EgressEventBase {
  kind: "dns";
  name: string;
  /** `A`, `TXT`, … */
  type: string;
}

/** Something that a sandbox reached or tried to reach; see {@linkcode SandboxEgress.log}. */
export type EgressEvent = EgressHttpEvent | EgressConnectionEvent | EgressDnsEvent;

/** Which part of the log to read; see {@linkcode SandboxEgress.log}. */
export interface EgressLogOptions {
  /**
   * Continue with new entries until the sandbox has stopped.
   *
   * @default {false}
   */
  follow?: boolean;
  /** Stops reading when aborted. The loop over the entries then ends normally. */
  signal?: AbortSignal;
}
