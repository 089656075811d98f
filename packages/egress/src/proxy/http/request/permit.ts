/** What lets one request go: policy and request rules, by what they say at the moment, for all whom it passes. */
import type { Decision, RequestDecision } from "../../../policy/mod.ts";
import type { Sandbox } from "../../../sandbox/sandbox.ts";
import type { Header } from "../../headers.ts";
import { Refusal } from "../../refusal.ts";
import type { Site } from "../http-connection.ts";

/** What rules are held against. */
export interface Asked {
  method: string;
  /** With the query. */
  path: string;
  /** Declared of the body, bytes; null for an unknown length. */
  length: number | null;
  websocket: boolean;
}

export interface PermitOptions {
  /** What policy says of the host; that of its name, or address, unless more is known. */
  decideHost?: () => Decision;
  /** Of the proxy that the request goes through. */
  via?: Permit | null;
}

export class Permit {
  readonly #sandbox: Sandbox;
  readonly #site: Site;
  readonly #asked: Asked;
  readonly #decideHost: () => Decision;
  readonly #via: Permit | null;
  /** The rules that it was checked by. */
  #rules: object;
  #decision: RequestDecision;
  #sent = 0;

  /**
   * Checks a request, and counts it if it is allowed.
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

  /** Whether a rule bounds what is sent. */
  get bounded(): boolean {
    return this.#decision.rule !== null || (this.#via?.bounded ?? false);
  }

  /** Checks it again, without counting it twice. */
  decide(): Decision {
    const first = this.#via?.decide();
    if (first && !first.allowed) return first;
    const decision = this.#decideHost();
    if (!decision.allowed || this.#rules === this.#sandbox.rules) return decision;
    this.#rules = this.#sandbox.rules;
    return (this.#decision = this.#decideRules(false));
  }

  /** Why it may not go on, by what was checked last. */
  refusal({ reason, rule }: Decision): Refusal {
    return (
      (this.#via && ruleRefusal(this.#via.#decision)) ?? ruleRefusal(this.#decision) ?? Refusal.denied(reason, rule)
    );
  }

  /**
   * Takes down that bytes of the body, or of messages, are about to be sent.
   *
   * @throws {Refusal} when they are more than a rule permits, whatever was declared
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
   * Counts a message of a WebSocket as a request.
   *
   * @throws {Refusal} when there are too many
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
