/**
 * The contract of egress: what a sandbox may reach, which secrets are put in on the way, and what is reported of it.
 * Everything here is plain data, fit for a store, a pipe or a network.
 *
 * Who holds what: the control plane keeps {@link EgressSpec}, in which values of secrets are sealed; only the proxy, a
 * process of its own, opens them. The guest's end of the wire is in `port/contract.ts`.
 */

/** A request shape that a rule permits. All of what is given must hold. */
export interface RequestRule {
  /** Which hosts it is for: a pattern as in {@link PolicySpec.allow}. A host that no rule is for is not restricted. */
  host: string;
  /** Methods, upper case. Absent: any. */
  methods?: string[] | undefined;
  /** Patterns of the path without its query, `*` within a segment and `**` across, such as `/v1/*` or `/repos/**`. Absent: any. */
  paths?: string[] | undefined;
  /** Whether it permits WebSockets too. Absent: no. */
  websocket?: boolean | undefined;
  /** Largest body of a request, in bytes; of a WebSocket, all that is sent in its messages together. */
  maxRequestBytes?: number | undefined;
  /** Requests per minute for this sandbox and rule; messages that are sent over a WebSocket count as well. */
  requestsPerMinute?: number | undefined;
}

/** What a sandbox may reach. */
export interface PolicySpec {
  /** Patterns: `example.com`, `example.com:443`, `*.example.com[:443]`, IPv4, IPv6, `[IPv6]:443`, CIDR. Null: the public internet. */
  allow: string[] | null;
  /** Patterns that win over every other. */
  deny: string[];
  /** A request to a host that a rule is for must fit at least one of the rules for it. */
  rules: RequestRule[];
}

/** A secret as the control plane keeps it. */
export interface SealedSecret {
  /** Name of the environment variable. */
  name: string;
  /** What stands for it inside the sandbox: `DENO_SECRET_PLACEHOLDER_` and 64 hexadecimal digits, or of a form that was asked for. ASCII. */
  placeholder: string;
  /** Patterns of approved hosts: names only, with or without port; no addresses. */
  hosts: string[];
  /** Where it is put in besides headers and the query. */
  in: "body"[];
  /** Base64 of the encrypted value (`secrets/seal.ts`), bound to `placeholder`. */
  sealed: string;
}

/** Everything that the proxy knows of one sandbox. */
export interface EgressSpec {
  policy: PolicySpec;
  secrets: SealedSecret[];
}

/** Settings of the proxy, the same for all sandboxes. Configuration keys are `egress.*`. */
export interface EgressConfig {
  /** Static names: `{"name": "ip[:port]"}`. May be dialled although inner; with a port, that port is dialled whatever the sandbox asked for. */
  hosts: Record<string, string>;
  /** PEM files of further authorities for upstream certificates. */
  caFiles: string[];
  /** Patterns of hosts whose TLS is not opened. They never get secrets. */
  passThrough: string[];
  /** Resolvers, `ip[:port]`. Empty: the system's. */
  dnsServers: string[];
  /** `http://[user:password@]host:port` through which everything is dialled, or null. */
  upstreamProxy: string | null;
  /** Absolute path of a module with hooks (`hooks.ts`), or null. */
  hooks: string | null;
}

/** Why something did or did not go out. */
export type Verdict = "allowed" | "denied" | "failed";

interface Common {
  /** When it began, epoch milliseconds. */
  at: number;
  durationMs: number;
  verdict: Verdict;
  /** The pattern or rule that decided, if one did. */
  rule: string | null;
  /** Why it was denied or failed, for people; never holds a secret's value. */
  reason: string | null;
  /** The guest's process, as the guest tells it: not to be trusted. */
  process: { pid: number; name: string } | null;
}

/** A request that was seen as one. */
export interface HttpEvent extends Common {
  kind: "http";
  protocol: "http/1.1" | "h2" | "websocket";
  scheme: "http" | "https";
  method: string;
  host: string;
  port: number;
  /** Without the query. */
  path: string;
  /** Names of query parameters, never their values. */
  query: string[];
  /** Of the answer that the guest got. */
  status: number | null;
  /** Bodies only, as the guest sent and got them. */
  bytesUp: number;
  bytesDown: number;
  /** Names of secrets that were put in. */
  secrets: string[];
  /** Names of secrets whose placeholder was seen in a place where it is not put in. */
  placeholders: string[];
  /** Address that was dialled. */
  address: string | null;
}

/** A connection that was not seen as requests: raw TCP, TLS that is not opened, UDP; or one that was refused. */
export interface ConnectionEvent extends Common {
  kind: "connection";
  protocol: "tcp" | "tls" | "udp";
  /** Name, or address where there is none. */
  host: string;
  port: number;
  address: string | null;
  bytesUp: number;
  bytesDown: number;
}

/** A name that was asked for. */
export interface DnsEvent extends Common {
  kind: "dns";
  name: string;
  /** `A`, `TXT`, … */
  type: string;
}

/** What is reported of one sandbox. */
export type EgressEvent = HttpEvent | ConnectionEvent | DnsEvent;

/** What the host sends to the proxy, one JSON text a line. */
export type ToProxy =
  /** First, and once. `dir` holds the CA and the key of sealed secrets. */
  | { type: "configure"; dir: string; config: EgressConfig }
  /** Serves the guest at the other end of this unix socket; `done` comes back when the spec is in force. */
  | { type: "attach"; seq: number; id: string; socket: string; spec: EgressSpec }
  /** In force, on open connections too, when `done` comes back. */
  | { type: "update"; seq: number; id: string; spec: EgressSpec }
  | { type: "detach"; id: string }
  /** Of this sandbox so many more events are safe. */
  | { type: "ack"; id: string; events: number };

/** What the proxy sends to the host, one JSON text a line. */
export type FromProxy =
  | { type: "ready" }
  | { type: "done"; seq: number; error: string | null }
  | { type: "event"; id: string; event: EgressEvent }
  /** The guest broke the contract of the wire. */
  | { type: "violation"; id: string; detail: string }
  | { type: "log"; level: "info" | "warn" | "error"; id?: string; text: string };

/** Events of a sandbox that may be on their way to the store; a sandbox with more has to wait before it may do more. */
export const UNACKNOWLEDGED_EVENTS = 256;
