import type { PolicySpec, RequestRule } from "../contract.ts";
import type { Decision } from "./decision.ts";
import { ADDRESS_BITS, type Address } from "./hosts/address.ts";
import { authorityText, type HostRef, isPort } from "./hosts/host.ts";
import { matches, restricts } from "./hosts/matcher.ts";
import { type Pattern, parsePattern } from "./hosts/pattern.ts";
import { type AddressRange, embeddedAddress, specialRange } from "./hosts/range.ts";
import { parseRules, type Rule } from "./rules/rules.ts";

/**
 * What a sandbox may reach. Pure: resolves no names and keeps no state.
 *
 * Decisions come in two steps. {@link decide}: may the guest reach this host, as the guest named it? After the name has been
 * resolved, {@link decideDial}: may this particular address be dialled for it?
 */
export class Policy {
  readonly #allow: readonly Pattern[] | null;
  readonly #deny: readonly Pattern[];
  readonly #rules: readonly Rule[];

  /** @throws PatternError, RuleError */
  static parse(spec: PolicySpec): Policy {
    return new Policy(spec.allow?.map(parsePattern) ?? null, spec.deny.map(parsePattern), parseRules(spec.rules));
  }

  private constructor(allow: readonly Pattern[] | null, deny: readonly Pattern[], rules: readonly Rule[]) {
    this.#allow = allow;
    this.#deny = deny;
    this.#rules = rules;
  }

  /** Whether there is an allow list. Then the guest's DNS answers only with synthetic addresses. */
  get restricted(): boolean {
    return this.#allow !== null;
  }

  /** Decides on a host as the guest named it. An allowed name's addresses must still pass {@link decideDial}. */
  decide(host: HostRef, port: number): Decision {
    const who = authorityText(host, port);
    if (!isPort(port)) return no(null, `${who} has no valid port.`);
    const denied = this.#denial(host, port, who);
    if (denied) return denied;
    if ("address" in host) {
      const { range } = specialRange(host.address);
      if (range !== "public") return this.#decideListed(host.address, port, range, false, who);
    }
    if (this.#allow === null) return yes(null, `${who} is public, and this sandbox has no allowNet.`);
    const pattern = this.#allow.find((pattern) => matches(pattern, host, port));
    return pattern
      ? yes(pattern.text, `${who} is in this sandbox's allowNet.`)
      : no(null, `${who} is not in this sandbox's allowNet.`);
  }

  /** Decides on a destination for datagrams. */
  decideUdp(host: HostRef, port: number): Decision {
    if (this.restricted) return no(null, "With an allow list, only TCP leaves the sandbox.");
    if (port === QUIC_PORT) return no(null, "HTTP/3 does not leave the sandbox; HTTP over TCP does.");
    return this.decide(host, port);
  }

  /** Decides on a name whose port is not known yet, for reports of DNS queries: denied if none of its ports may be reached. */
  decideName(name: string): Decision {
    const host = { name };
    const denial = this.#deny.find((pattern) => pattern.port === null && matches(pattern, host, ANY_PORT));
    if (denial) return no(denial.text, `${name} is denied to this sandbox by "${denial.text}".`);
    if (this.#allow === null) return yes(null, `${name} is a name, and this sandbox has no allowNet.`);
    const pattern = this.#allow.find((pattern) => matches(pattern, host, pattern.port ?? ANY_PORT));
    return pattern
      ? yes(pattern.text, `${name} is in this sandbox's allowNet.`)
      : no(null, `${name} is not in this sandbox's allowNet.`);
  }

  /** Whether the allow list contains exactly this name, on any port, and it is not denied. */
  listsName(name: string): boolean {
    return (
      this.decideName(name).allowed &&
      (this.#allow?.some((pattern) => pattern.kind === "name" && pattern.name === name) ?? false)
    );
  }

  /**
   * Decides on an address that is about to be dialled for a host that {@link decide} allowed. Not for static names
   * (`egress.hosts`), whose addresses come from the host's operator.
   *
   * @param isOwn whether an address is one of the host's own
   */
  decideDial(address: Address, port: number, isOwn: (address: Address) => boolean): Decision {
    const who = authorityText({ address }, port);
    if (!isPort(port)) return no(null, `${who} has no valid port.`);
    const denied = this.#denial({ address }, port, who);
    if (denied) return denied;
    const embedded = embeddedAddress(address);
    const own = isOwn(address) || (embedded !== null && isOwn(embedded));
    const { range } = specialRange(address);
    return range === "public" && !own
      ? yes(null, `${who} is public.`)
      : this.#decideListed(address, port, range, own, who);
  }

  /** The request rules for a host and port. */
  rulesFor(host: HostRef, port: number): RequestRule[] {
    return this.#rules.filter((rule) => restricts(rule.host, host, port)).map(({ spec }) => spec);
  }

  #denial(host: HostRef, port: number, who: string): Decision | null {
    const pattern = this.#deny.find((pattern) => restricts(pattern, host, port));
    return pattern ? no(pattern.text, `${who} is denied to this sandbox by "${pattern.text}".`) : null;
  }

  #decideListed(address: Address, port: number, range: AddressRange, own: boolean, who: string): Decision {
    const pattern = this.#allow?.find((pattern) => matches(pattern, { address }, port) && lists(pattern, address, own));
    if (pattern) return yes(pattern.text, `${who} is in this sandbox's allowNet.`);
    const what = own && range !== "loopback" ? "one of the host's own addresses" : KINDS[range];
    return no(null, `${who} is ${what}, which is not reachable unless this sandbox's allowNet lists it.`);
  }
}

/** HTTP/3 is refused so that programs fall back to TCP, where requests are visible. */
const QUIC_PORT = 443;

/** For patterns without a port, which match every port. */
const ANY_PORT = 443;

/**
 * Whether a pattern that covers an internal address really lists it. A range does if it is no wider than the special range that the address
 * is in: `0.0.0.0/0` means public addresses only. A metadata service, and a host's own address other than loopback, must be listed exactly.
 */
function lists(pattern: Pattern, address: Address, own: boolean): boolean {
  if (pattern.kind !== "range") return pattern.kind === "address";
  const special = specialRange(address);
  const exact = own && special.range !== "loopback";
  return pattern.bits >= (exact ? ADDRESS_BITS[address.family] : special.bits);
}

const KINDS: Record<AddressRange, string> = {
  public: "a public address",
  loopback: "a loopback address",
  private: "a private address",
  "link-local": "a link-local address",
  metadata: "the address of a cloud metadata service",
  multicast: "a multicast address",
  unspecified: "the unspecified address",
  broadcast: "the broadcast address",
  shared: "a carrier-grade NAT address",
  benchmarking: "a benchmarking address",
  reserved: "a reserved address",
};

const yes = (rule: string | null, reason: string): Decision => ({ allowed: true, rule, reason });
const no = (rule: string | null, reason: string): Decision => ({ allowed: false, rule, reason });
