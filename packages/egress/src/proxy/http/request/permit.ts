/** Permission for one request, by the current policy and request rules, for its target and a proxy on the way. */

import type { Header } from "@sandkeep/common/http";
import type { Decision, RequestDecision } from "../../../policy/mod.ts";
import type { Sandbox } from "../../../sandbox/sandbox.ts";
import { Refusal } from "../../refusal.ts";
import type { Site } from "../http-connection.ts";

/** The properties of a request that rules apply to. */
export interface Asked {
  method: string;
  /** With the query. */
  path: string;
  /** Declared length of the body in bytes; null if unknown. */
  length: number | null;
  websocket: boolean;
}

export interface PermitOptions {
  /** Policy's decision on the host. Default: by its name or address. */
  decideHost?: () => Decision;
  /** The permit for the HTTP proxy that the request goes through. */
  via?: Permit | null;
}

export class Permit {
  readonly #sandbox: Sandbox;
  readonly #site: Site;
  readonly #asked: Asked;
  readonly #decideHost: () => Decision;
  readonly #via: Permit | null;
  /** The rules that the last decision is based on. */
  #rules: object;
  #decision: RequestDecision;
  #sent = 0;

  /**
   * Decides on a request, and counts it if it is allowed.
   *
   * @throws {Refusal}
   */
  constructor(
    sandbox: Sandbox,
    site: Site,
    asked: Asked,
    { decideHost = () => sandbox.policy.decide(site.host, site.port), via = null }: PermitOptions = {},
  ) {
    this.#sandbox = sandbox;
    this.#site = site;
    this.#asked = asked;
    this.#decideHost = decideHost;
    this.#via = via;
    const { allowed, reason, rule } = decideHost();
    if (!allowed) throw Refusal.denied(reason, rule);
    this.#rules = sandbox.rules;
    this.#decision = this.#decideRules(true);
    const refusal = ruleRefusal(this.#decision);
    if (refusal) throw refusal;
  }

  /** The pattern or rule that decided. */
  get rule(): string | null {
    return this.#decision.rule ?? this.#decideHost().rule;
  }

  /** Whether a rule may limit what is sent, so that it must be counted. */
  get limitsSize(): boolean {
    return this.#decision.rule !== null || (this.#via?.limitsSize ?? false);
  }

  /** Decides again, without counting the request twice. */
  decide(): Decision {
    const first = this.#via?.decide();
    if (first && !first.allowed) return first;
    const decision = this.#decideHost();
    if (!decision.allowed || this.#rules === this.#sandbox.rules) return decision;
    this.#rules = this.#sandbox.rules;
    return (this.#decision = this.#decideRules(false));
  }

  /** The refusal for the last decision. */
  refusal({ reason, rule }: Decision): Refusal {
    return (
      (this.#via && ruleRefusal(this.#via.#decision)) ?? ruleRefusal(this.#decision) ?? Refusal.denied(reason, rule)
    );
  }

  /**
   * Counts bytes of the body or of messages that are about to be sent.
   *
   * @throws {Refusal} if they exceed what a rule permits, whatever was declared
   */
  send(bytes: number): void {
    this.#via?.send(bytes);
    this.#sent += bytes;
    const { maxRequestBytes, rule } = this.#decision;
    if (maxRequestBytes === null || this.#sent <= maxRequestBytes) return;
    const what = this.#asked.websocket ? "More was sent over the WebSocket" : "The body of the request is larger";
    throw new Refusal(`${what} than this sandbox's request rules permit.`, { status: 413, verdict: "denied", rule });
  }

  /**
   * Counts a WebSocket message as a request.
   *
   * @throws {Refusal} if there are too many
   */
  message(): void {
    this.#via?.message();
    const { rule } = this.#decision;
    if (rule === null || this.#sandbox.rules.count(rule)) return;
    throw new Refusal("There were too many messages in the last minute for this sandbox's request rules.", {
      status: 429,
      verdict: "denied",
      rule,
    });
  }

  #decideRules(count: boolean): RequestDecision {
    const { method, path, length, websocket } = this.#asked;
    const { host, port } = this.#site;
    return this.#sandbox.rules.decide(host, port, method, path, length === null ? null : Math.max(length, this.#sent), {
      websocket,
      count,
    });
  }
}

function ruleRefusal({ allowed, status, reason, rule }: RequestDecision): Refusal | null {
  if (allowed) return null;
  const headers: Header[] = status === 429 ? [["retry-after", "60"]] : [];
  return new Refusal(reason, { status: status ?? 403, verdict: "denied", rule, headers });
}
