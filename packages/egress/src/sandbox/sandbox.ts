/** One sandbox, as the proxy knows it: policy, secrets, and everything it has open. */
import { type EgressEvent, type EgressSpec, UNACKNOWLEDGED_EVENTS } from "../contract.ts";
import type { Dialled } from "../dial/connect.ts";
import type { Dialer } from "../dial/dialer.ts";
import { isOwn } from "../dial/own-addresses.ts";
import type { Wanted } from "../dial/wanted.ts";
import { SyntheticNames } from "../dns/names.ts";
import { type Decision, type HostRef, type Pattern, Policy, RuleBook } from "../policy/mod.ts";
import { WindowBudget } from "../proxy/http/http2/window-budget.ts";
import { Redactor, type Sealer, type Secret, SecretSet } from "../secrets/mod.ts";
import { Gate } from "./gate.ts";
import { Ongoing } from "./ongoing.ts";

/** Rotated or revoked values that are still redacted: an upstream may know them for a while. */
const MAX_RETIRED = 64;
/** Patterns of hosts that secrets were approved for in the past and that may still know values: enough for 64 secrets with 100 hosts each. */
const MAX_FORMER_HOSTS = 6_400;

/** Longest rule and reason of an event, characters. A rule's text, or what an upstream's certificate says, may have 100 KB. */
const MAX_WORDS = 2_048;

/** What all sandboxes of the proxy share. */
export interface SandboxServices {
  sealer: Sealer;
  dialer: Dialer;
  /** Sends an event to the host, which calls `Sandbox.acknowledge` once it is stored. */
  emit(id: string, event: EgressEvent): void;
}

/**
 * The current policy and secrets of a sandbox, and what it has open. `policy`, `rules`, `secrets` and `redactor` are replaced on every
 * update, so read them anew for each use.
 */
export class Sandbox {
  readonly id: string;
  readonly names = new SyntheticNames();
  readonly windows = new WindowBudget();
  policy!: Policy;
  rules!: RuleBook;
  secrets!: SecretSet;
  /** Redacts every value that the sandbox has or had, and knows every host that may know one. */
  redactor!: Redactor;
  readonly #services: SandboxServices;
  readonly #gate = new Gate(UNACKNOWLEDGED_EVENTS);
  readonly #ongoing = new Ongoing();
  #retired: Secret[] = [];
  /** By pattern text, newest last. */
  readonly #formerHosts = new Map<string, Pattern>();

  /** @throws {Error} if the spec is invalid; the message contains no secret value */
  constructor(id: string, spec: EgressSpec, services: SandboxServices) {
    this.id = id;
    this.#services = services;
    this.update(spec);
  }

  /** Replaces policy and secrets. Everything open or in progress that is no longer allowed is cut before this returns. */
  update(spec: EgressSpec): void {
    const policy = Policy.parse(spec.policy);
    const rules = new RuleBook(spec.policy.rules, undefined, this.rules);
    const secrets = SecretSet.open(spec.secrets, this.#services.sealer);
    const former = this.secrets?.all ?? [];
    const gone = former.filter((old) => !secrets.all.some((now) => now.value.equals(old.value)));
    this.#retired = [...this.#retired, ...gone].slice(-MAX_RETIRED);
    this.policy = policy;
    this.rules = rules;
    this.secrets = secrets;
    for (const host of former.flatMap(({ hosts }) => hosts)) this.#formerHosts.set(host.text, host);
    for (const text of this.#formerHosts.keys()) {
      if (this.#formerHosts.size <= MAX_FORMER_HOSTS) break;
      this.#formerHosts.delete(text);
    }
    this.redactor = new Redactor(new SecretSet([...secrets.all, ...this.#retired]), [...this.#formerHosts.values()]);
    this.#ongoing.review();
  }

  /**
   * Dials a host if policy allows it: resolves the name, checks each address, and connects to one that passed. The attempt, and then
   * the connection, is cut when policy no longer allows the host or that address.
   *
   * @throws {DialError}
   */
  dial(host: HostRef, port: number, signal: AbortSignal): Promise<Dialled> {
    return this.#services.dialer.dial(this.wanted(host, port), signal);
  }

  /**
   * Checks a host that an HTTP proxy is to dial for the guest, including the addresses of the host that are known here.
   *
   * @returns repeats the decision with the policy of the moment
   * @throws {DialError}
   */
  decideIndirect(host: HostRef, port: number, signal: AbortSignal): Promise<() => Decision> {
    return this.#services.dialer.decideIndirect(this.wanted(host, port), signal);
  }

  /** A target to dial, whose decisions always follow the current policy. */
  wanted(host: HostRef, port: number, protocol: "tcp" | "udp" = "tcp"): Wanted {
    return {
      host,
      port,
      decide: () => (protocol === "udp" ? this.policy.decideUdp(host, port) : this.policy.decide(host, port)),
      decideAddress: (address) => this.policy.decideDial(address, port, isOwn),
      hold: (decide, cut) => this.hold(decide, cut),
    };
  }

  /** Cuts something as soon as policy no longer allows it; see {@link Ongoing.hold}. */
  hold(decide: () => Decision, cut: (why: Decision) => void): () => void {
    return this.#ongoing.hold(decide, cut);
  }

  /** Reports an event. Resolves when there is room for another. */
  async report(event: EgressEvent): Promise<void> {
    this.#gate.enter();
    this.#services.emit(this.id, { ...event, rule: clipped(event.rule), reason: clipped(event.reason) });
    await this.#gate.opened();
  }

  /** Resolves when there is room for an event. Nothing new may begin before. */
  room(): Promise<void> {
    return this.#gate.opened();
  }

  acknowledge(events: number): void {
    this.#gate.leave(events);
  }

  /** Cuts everything that is open. */
  close(): void {
    this.#ongoing.end({ allowed: false, rule: null, reason: "The sandbox has ended." });
    this.#gate.leave(Infinity);
  }
}

function clipped(text: string | null): string | null {
  return text !== null && text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS - 1)}…` : text;
}
