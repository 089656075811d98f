/**
 * The egress contract: what a sandbox may reach, which secrets the proxy substitutes, and which events it reports.
 * Everything here is plain data that can be stored or sent over a pipe or a network.
 *
 * The control plane keeps {@link EgressSpec}, in which secret values are sealed. Only the proxy, a separate process,
 * opens them. What guest and proxy say to each other is in `port/contract.ts`.
 *
 * The API has schemas of rules, policies and events: `scripts/agreements/egress.ts` compares them with these types.
 */

/** A request rule. A request fits the rule when it meets every condition given. */
export interface RequestRule {
  /** The hosts it applies to: a pattern as in {@link PolicySpec.allow}. Hosts without any rule are not restricted. */
  host: string;
  /** Methods, upper case. Absent: any. */
  methods?: string[] | undefined;
  /** Patterns for the path without its query: `*` matches within a segment, `**` across segments, as in `/v1/*` or `/repos/**`. Absent: any. */
  paths?: string[] | undefined;
  /** Whether it also permits WebSockets. Absent: no. */
  websocket?: boolean | undefined;
  /** Largest request body in bytes; for a WebSocket, the total of all messages sent. */
  maxRequestBytes?: number | undefined;
  /** Requests per minute for this sandbox and rule. Messages sent over a WebSocket count as requests. */
  requestsPerMinute?: number | undefined;
}

/** What a sandbox may reach. */
export interface PolicySpec {
  /** Patterns: `example.com`, `example.com:443`, `*.example.com[:443]`, IPv4, IPv6, `[IPv6]:443`, CIDR. Null: the public internet. */
  allow: string[] | null;
  /** Patterns that override `allow`. */
  deny: string[];
  /** A request to a host that has rules must fit at least one of them. */
  rules: RequestRule[];
}

/** A secret as the control plane keeps it. */
export interface SealedSecret {
  /** Name of the environment variable. */
  name: string;
  /** What the sandbox sees instead of the value: `DENO_SECRET_PLACEHOLDER_` and 64 hexadecimal digits, or text of a custom form. ASCII. */
  placeholder: string;
  /**
   * Further placeholders that stand for the same value in requests. A fork has those of its parent in its memory. In
   * responses the value is always replaced by `placeholder`.
   */
  aliases?: string[] | undefined;
  /** The form that was requested for its placeholder, for those of forks. */
  form?: string | undefined;
  /** Patterns for approved hosts: names with or without a port, no addresses. */
  hosts: string[];
  /** Where it is substituted in addition to headers and the query. */
  in: "body"[];
  /** Base64 of the encrypted value (`secrets/seal.ts`), bound to `sealedFor`. */
  sealed: string;
  /** The placeholder of the ancestor for which the value was sealed. Absent: its own. */
  sealedFor?: string | undefined;
}

/** Everything the proxy knows about one sandbox. */
export interface EgressSpec {
  policy: PolicySpec;
  secrets: SealedSecret[];
}

/** Proxy settings that apply to all sandboxes. Configuration keys are `egress.*`. */
export interface EgressConfig {
  /** Static names: `{"name": "ip[:port]"}`. The address may be internal. A port given here replaces the port that the sandbox asked for. */
  hosts: Record<string, string>;
  /** PEM files with additional CAs for upstream certificates. */
  caFiles: string[];
  /** Patterns for hosts whose TLS is not intercepted. They never get secrets. */
  passThrough: string[];
  /** DNS resolvers, `ip[:port]`. Empty: the system's resolvers. */
  dnsServers: string[];
  /** HTTP proxy through which all connections are made, `http://[user:password@]host:port`, or null. */
  upstreamProxy: string | null;
  /** Absolute path of a hooks module (`hooks.ts`), or null. */
  hooks: string | null;
  /** Number of proxy processes. Null: as many as there are processors. */
  processes: number | null;
}

/** Whether something was allowed to go out, and if so whether it worked. */
export type Verdict = "allowed" | "denied" | "failed";

interface Common {
  /** Start time, epoch milliseconds. */
  at: number;
  durationMs: number;
  verdict: Verdict;
  /** The pattern or rule that decided, if one did. */
  rule: string | null;
  /** Why it was denied or failed, as a sentence; never contains a secret's value. */
  reason: string | null;
  /** The guest's process, as reported by the guest: not trustworthy. */
  process: { pid: number; name: string } | null;
}

/** An HTTP request or a WebSocket. */
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
  /** Status of the response that the guest got. */
  status: number | null;
  /** Body bytes only, as the guest sent and received them. */
  bytesUp: number;
  bytesDown: number;
  /** Names of secrets that were substituted. */
  secrets: string[];
  /** Names of secrets whose placeholder appeared where it is not substituted. */
  placeholders: string[];
  /** The address that was dialled. */
  address: string | null;
}

/** A connection whose requests are not visible (raw TCP, TLS that is not intercepted, UDP), or one that was refused. */
export interface ConnectionEvent extends Common {
  kind: "connection";
  protocol: "tcp" | "tls" | "udp";
  /** The name, or the address if there is no name. */
  host: string;
  port: number;
  address: string | null;
  bytesUp: number;
  bytesDown: number;
}

/** A DNS query. */
export interface DnsEvent extends Common {
  kind: "dns";
  name: string;
  /** `A`, `TXT`, … */
  type: string;
}

/** What the proxy reports about one sandbox. */
export type EgressEvent = HttpEvent | ConnectionEvent | DnsEvent;

/** What the proxy has to become before it hears of a guest. */
export interface Confinement {
  /** The user to become; null if the proxy runs as the server's user, which is not root. */
  user: { uid: number; gid: number } | null;
  /** Whether it has a seccomp filter. */
  filtered: boolean;
}

/** What the proxy needs of this computer. It is told, because it can read no file. */
export interface Provisions {
  /** The installation's CA, as PEM. */
  authority: { pem: string; keyPem: string };
  /** Base64 of the key for sealed secrets. */
  sealingKey: string;
  /** Certificates of the CAs that upstreams are verified against, each as PEM. */
  upstreamCas: string[];
  /** The system's resolvers, `ip[:port]`. */
  resolvers: string[];
}

/** Messages from the host to the proxy, one JSON text per line. */
export type ToProxy =
  /** The first message, sent once. */
  | { type: "configure"; confinement: Confinement; provisions: Provisions; config: EgressConfig }
  /** The system's resolvers have changed. */
  | { type: "resolvers"; resolvers: string[] }
  /** The answer to `lookup`: addresses, or the code of getaddrinfo's error. */
  | { type: "addresses"; seq: number; addresses: string[]; code: string | null }
  /** Serve the guest at the other end of this Unix socket. `done` confirms that the spec is in force. */
  | { type: "attach"; seq: number; id: string; socket: string; spec: EgressSpec }
  /** `done` confirms that the spec is in force, including for open connections. */
  | { type: "update"; seq: number; id: string; spec: EgressSpec }
  | { type: "detach"; id: string }
  /** This many more events of the sandbox have been stored. */
  | { type: "ack"; id: string; events: number };

/** Messages from the proxy to the host, one JSON text per line. */
export type FromProxy =
  | { type: "ready" }
  | { type: "done"; seq: number; error: string | null }
  | { type: "event"; id: string; event: EgressEvent }
  /** The guest broke the egress port's contract. */
  | { type: "violation"; id: string; detail: string }
  /** Look up a name with the system's resolver; see {@link MAX_LOOKUPS}. */
  | { type: "lookup"; seq: number; name: string }
  | { type: "log"; level: "info" | "warn" | "error"; id?: string | undefined; text: string };

/** The descriptor of the proxy process over which both send their messages. */
export const CONTROL_FD = 4;

/** Lookups that a proxy may have waiting at the host: each may take, for seconds, one of the two threads that Node has for lookups. */
export const MAX_LOOKUPS = 1;

/** Events of one sandbox that may be waiting to be stored. At this number the sandbox must wait before it can do more. */
export const UNACKNOWLEDGED_EVENTS = 256;
