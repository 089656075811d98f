import type { RequestRule } from "../../contract.ts";
import type { Decision } from "../decision.ts";
import { authorityText, type HostRef } from "../hosts/host.ts";
import { restricts } from "../hosts/matcher.ts";
import { pathMatches, readPath } from "./path.ts";
import { RateWindow } from "./rate.ts";
import { parseRules, type Rule } from "./rules.ts";

/** What request rules decide about one request. */
export interface RequestDecision extends Decision {
  /** Largest body in bytes, or null for no limit. Enforce it on the actual body, whatever length was declared. */
  maxRequestBytes: number | null;
  /** Status of the response if denied: 403, 413 (too large) or 429 (too many); null if allowed. */
  status: 403 | 413 | 429 | null;
}

export interface DecideOptions {
  /** Whether the request opens a WebSocket, which only rules with `websocket: true` permit. */
  websocket?: boolean;
  /** Whether to count the request. Pass false when deciding again. */
  count?: boolean;
}

/** The request rules of one sandbox, and how often each one was used in the last minute. */
export class RuleBook {
  readonly rules: readonly Rule[];
  readonly #now: () => number;
  readonly #windows: Map<string, RateWindow>;

  /**
   * @param now milliseconds of a monotonic clock
   * @param former the rule book that this one replaces; unchanged rules keep their count
   * @throws RuleError
   */
  constructor(specs: readonly RequestRule[], now: () => number = () => performance.now(), former?: RuleBook) {
    this.rules = parseRules(specs);
    this.#now = now;
    const kept = former ? former.#windows : new Map<string, RateWindow>();
    this.#windows = new Map();
    for (const {
      spec: { requestsPerMinute },
      text,
    } of this.rules) {
      if (requestsPerMinute !== undefined) this.#windows.set(text, kept.get(text) ?? new RateWindow(requestsPerMinute));
    }
  }

  /** Counts a request or message for the rule with this text. Returns false if there were too many in the last minute. */
  count(rule: string): boolean {
    return this.#windows.get(rule)?.take(this.#now()) ?? true;
  }

  /** The rules for a host and port. */
  rulesFor(host: HostRef, port: number): Rule[] {
    return this.rules.filter((rule) => restricts(rule.host, host, port));
  }

  /**
   * Decides on a request, and counts it if it is allowed.
   *
   * @param path as sent; the query is ignored
   * @param declaredLength length of the body in bytes (`content-length`), 0 for no body, null if unknown
   */
  decide(
    host: HostRef,
    port: number,
    method: string,
    path: string,
    declaredLength: number | null,
    { websocket = false, count = true }: DecideOptions = {},
  ): RequestDecision {
    const who = authorityText(host, port);
    const rules = this.rulesFor(host, port);
    if (rules.length === 0)
      return {
        allowed: true,
        rule: null,
        reason: `No request rule covers ${who}.`,
        maxRequestBytes: null,
        status: null,
      };
    const denied = (status: 403 | 413 | 429, rule: string | null, reason: string) => ({
      allowed: false,
      rule,
      reason,
      maxRequestBytes: null,
      status,
    });

    const readings = readPath(path.split("?", 1)[0]!);
    const fitting = rules.filter(
      ({ spec, paths }) =>
        (spec.methods?.includes(method) ?? true) &&
        (paths === null || (readings !== null && pathMatches(paths, readings))),
    );
    if (fitting.length === 0) {
      return denied(
        403,
        null,
        readings === null
          ? `The path of this request to ${who} can be read in more than one way, so no request rule of this sandbox permits it.`
          : `No request rule of this sandbox permits this method and path at ${who}.`,
      );
    }
    const ready = websocket ? fitting.filter(({ spec }) => spec.websocket === true) : fitting;
    if (ready.length === 0)
      return denied(
        403,
        fitting[0]!.text,
        `No request rule of this sandbox permits WebSockets for this path at ${who}. Add "websocket": true to a rule to permit them.`,
      );
    const bounds = ready.filter(({ spec: { maxRequestBytes = Infinity } }) => (declaredLength ?? 0) <= maxRequestBytes);
    if (bounds.length === 0)
      return denied(
        413,
        ready[0]!.text,
        `The body of this request to ${who} is larger than this sandbox's request rules permit.`,
      );
    // For a body of unknown length, the rule with the largest limit comes first.
    if (declaredLength === null)
      bounds.sort((a, b) => (b.spec.maxRequestBytes ?? Infinity) - (a.spec.maxRequestBytes ?? Infinity) || 0);
    const rule = count ? bounds.find(({ text }) => this.count(text)) : bounds[0];
    if (!rule)
      return denied(
        429,
        bounds[0]!.text,
        `There were too many requests to ${who} in the last minute for this sandbox's request rules.`,
      );
    return {
      allowed: true,
      rule: rule.text,
      reason: `A request rule permits it at ${who}.`,
      maxRequestBytes: rule.spec.maxRequestBytes ?? null,
      status: null,
    };
  }
}
