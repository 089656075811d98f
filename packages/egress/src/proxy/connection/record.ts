/** Events of a connection and its requests: one for each request, or one for the connection if it had none. */
import type { ConnectionEvent, HttpEvent, Verdict } from "../../contract.ts";
import type { HostRef } from "../../policy/mod.ts";
import type { Flow } from "./flow.ts";

/** Longest text from the guest that is kept in an event, characters. */
const MAX_TEXT = 2_048;
/** Number of query parameter names that are kept. */
const MAX_QUERY_NAMES = 64;

/** A host as written in events: without brackets. */
export function eventHost(host: HostRef): string {
  return "name" in host ? host.name : host.address.text;
}

export type ConnectionOutcome = Partial<
  Pick<ConnectionEvent, "protocol" | "address" | "bytesUp" | "bytesDown" | "rule" | "reason">
> & {
  verdict: Verdict;
  host?: HostRef;
};

/** Reason for an HTTP connection without requests: it stayed silent, or Node's HTTP/2 rejected what came. */
export const NO_REQUEST = "No valid request came over it.";

/** Reports one connection of a guest. */
export class ConnectionRecord {
  readonly #flow: Flow;
  readonly #at = Date.now();
  readonly #started = performance.now();
  #reported = false;
  #pending: Promise<void> = Promise.resolve();

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  /** Whether the connection or one of its requests has been reported. */
  get reported(): boolean {
    return this.#reported;
  }

  /** Resolves when there is room for another event. */
  room(): Promise<void> {
    return this.#pending;
  }

  /** Reports the connection, unless it or one of its requests has been reported. */
  async connection(outcome: ConnectionOutcome): Promise<void> {
    if (this.#reported) return;
    const { host, ...rest } = outcome;
    await this.#report({
      kind: "connection",
      protocol: "tcp",
      at: this.#at,
      durationMs: Math.round(performance.now() - this.#started),
      rule: null,
      reason: null,
      process: this.#flow.process,
      host: eventHost(host ?? this.#flow.host),
      port: this.#flow.port,
      address: null,
      bytesUp: 0,
      bytesDown: 0,
      ...rest,
    });
  }

  /** Reports a malformed request, whatever has been reported before. */
  malformed(reason: string, host: HostRef | null): Promise<void> {
    this.#reported = false;
    return this.connection({ verdict: "denied", reason, ...(host && { host }) });
  }

  /** Reports a request. */
  http(event: HttpEvent): Promise<void> {
    return this.#report(event);
  }

  #report(event: ConnectionEvent | HttpEvent): Promise<void> {
    this.#reported = true;
    this.#pending = this.#flow.sandbox.report(event).catch(() => undefined);
    return this.#pending;
  }
}

/** Reports one request. The event is filled in as the exchange proceeds. */
export class RequestRecord {
  readonly event: HttpEvent;
  readonly #started = performance.now();
  readonly #connection: ConnectionRecord;

  constructor(
    connection: ConnectionRecord,
    flow: Flow,
    head: { protocol: HttpEvent["protocol"]; scheme: HttpEvent["scheme"]; method: string; target: string },
  ) {
    this.#connection = connection;
    this.event = {
      kind: "http",
      at: Date.now(),
      durationMs: 0,
      verdict: "allowed",
      rule: null,
      reason: null,
      process: flow.process,
      protocol: head.protocol,
      scheme: head.scheme,
      method: clip(head.method),
      host: eventHost(flow.host),
      port: flow.port,
      path: clip(head.target.split("?", 1)[0]!),
      query: queryNames(head.target),
      status: null,
      bytesUp: 0,
      bytesDown: 0,
      secrets: [],
      placeholders: [],
      address: null,
    };
  }

  /** Sets the target, if it is not the host of the connection. */
  aim(host: HostRef, port: number, path: string): void {
    Object.assign(this.event, { host: eventHost(host), port, path: clip(path.split("?", 1)[0]!) });
  }

  /** Adds names of secrets. */
  note(kind: "secrets" | "placeholders", names: readonly string[]): void {
    const list = this.event[kind];
    for (const name of names) if (!list.includes(name)) list.push(name);
  }

  /** Reports the request. Call it once. */
  report(): Promise<void> {
    this.event.durationMs = Math.round(performance.now() - this.#started);
    return this.#connection.http(this.event);
  }
}

function queryNames(target: string): string[] {
  const query = target.slice(target.split("?", 1)[0]!.length + 1);
  if (query === "") return [];
  const names = query
    .slice(0, 65_536)
    .split("&", MAX_QUERY_NAMES)
    .map((part) => {
      // Text without "=" could be a value rather than a name.
      if (!part.includes("=")) return "";
      const name = part.split("=", 1)[0]!;
      try {
        return clip(decodeURIComponent(name), 128);
      } catch {
        return clip(name, 128);
      }
    });
  return [...new Set(names.filter((name) => name !== ""))];
}

function clip(text: string, length = MAX_TEXT): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
