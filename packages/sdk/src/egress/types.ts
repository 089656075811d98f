/** A request that is permitted, see {@linkcode EgressPolicy.rules}. All of what is given must hold. */
export interface RequestRule {
  /** Which hosts it is for: a pattern as in `allowNet`. Hosts that no rule is for are not restricted. */
  host: string;
  /** Methods, in upper case. Absent: any. */
  methods?: string[];
  /** Patterns of the path without its query: `*` within a segment, `**` across, such as `/v1/*` or `/repos/**`. Absent: any. */
  paths?: string[];
  /** Whether it permits WebSockets too. Absent: no. */
  websocket?: boolean;
  /** Largest body of a request, in bytes; of a WebSocket, all that is sent over it. */
  maxRequestBytes?: number;
  /** Requests per minute, of this sandbox; each message sent over a WebSocket counts as one. */
  requestsPerMinute?: number;
}

/** What a sandbox may reach. */
export interface EgressPolicy {
  /** Patterns of hosts, as in `allowNet`; null: every public host. */
  allow: string[] | null;
  /** Patterns of hosts that win over `allow`. */
  deny: string[];
  /** A request to a host that a rule is for must fit at least one of the rules for it. */
  rules: RequestRule[];
}

/** A secret without its value. */
export interface SecretInfo {
  /** Of the environment variable that holds the placeholder. */
  name: string;
  /** Hosts to which it may go. */
  hosts: string[];
  /** Where it is put in, besides headers and the query. */
  in: "body"[];
}

/** What a sandbox may reach, and its secrets, see {@linkcode SandboxEgress.get}. */
export interface EgressState extends EgressPolicy {
  /** Its secrets. */
  secrets: SecretInfo[];
}

/** A secret's new value, see {@linkcode SandboxEgress.setSecret}. */
export interface SecretUpdate {
  /** The secret: 1 to 16,384 bytes of UTF-8, without line breaks and other control characters. */
  value: string;
  /** Hosts to which it may go: names, also `*.example.com`, with or without a port; no addresses. May be left out for a secret that is there. */
  hosts?: string[];
  /** `["body"]`: put it into the bodies of requests, too. May be left out; for a new secret, that means no. */
  in?: "body"[];
  /** Of a new secret: what its placeholder looks like, such as `sk-ant-…`. See {@linkcode SecretConfig.placeholder}. */
  placeholder?: string;
}

/** What every entry of the log has. */
export interface EgressEventBase {
  /** Unique; sorts by time. */
  id: string;
  /** When it began. */
  startedAt: Date;
  /** How long it took, in milliseconds. */
  durationMs: number;
  /** Whether it went out. */
  verdict: "allowed" | "denied" | "failed";
  /** The pattern or rule that decided, if one did. */
  rule: string | null;
  /** Why it was denied or failed. */
  reason: string | null;
  /** The process in the sandbox, as the sandbox tells it: not to be trusted. */
  process: { pid: number; name: string } | null;
}

/** A request that left the sandbox, or tried to. */
export interface EgressHttpEvent extends EgressEventBase {
  kind: "http";
  protocol: "http/1.1" | "h2" | "websocket";
  scheme: "http" | "https";
  method: string;
  host: string;
  port: number;
  /** Without the query. */
  path: string;
  /** Names of the query's parameters, never their values. */
  query: string[];
  /** Status of the answer that the sandbox got; null: none. */
  status: number | null;
  /** Bytes of the body that the sandbox sent, and of the one that it got. */
  bytesUp: number;
  bytesDown: number;
  /** Names of secrets that were put in. */
  secrets: string[];
  /** Names of secrets whose placeholder was seen where it is not put in. */
  placeholders: string[];
  /** Address that was dialled. */
  address: string | null;
}

/** A connection that is not made of requests, or that was refused. */
export interface EgressConnectionEvent extends EgressEventBase {
  kind: "connection";
  protocol: "tcp" | "tls" | "udp";
  /** Name, or address where there is none. */
  host: string;
  port: number;
  /** Address that was dialled. */
  address: string | null;
  /** Bytes that the sandbox sent, and that it got. */
  bytesUp: number;
  bytesDown: number;
}

/** A name that was asked for. */
export interface EgressDnsEvent extends EgressEventBase {
  kind: "dns";
  name: string;
  /** `A`, `TXT`, … */
  type: string;
}

/** What a sandbox reached, or tried to, see {@linkcode SandboxEgress.log}. */
export type EgressEvent = EgressHttpEvent | EgressConnectionEvent | EgressDnsEvent;

/** What to read of the log, see {@linkcode SandboxEgress.log}. */
export interface EgressLogOptions {
  /**
   * Go on with what happens from now, until the sandbox has stopped.
   *
   * @default {false}
   */
  follow?: boolean;
  /** Ends it; the loop over the entries then ends, too. */
  signal?: AbortSignal;
}
