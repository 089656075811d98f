import type { EgressSpec } from "@sandkeep/egress";
import type { EgressView } from "@sandkeep/protocol";
import type { NetworkRecord } from "@sandkeep/store";

/** What everybody in the organisation may see of a specification. Copied field by field, so nothing sealed is included. */
export function networkRecord({ policy, secrets }: EgressSpec): NetworkRecord {
  return {
    allowNet: policy.allow,
    deny: policy.deny,
    rules: policy.rules,
    secrets: Object.fromEntries(secrets.map(({ name, hosts, in: places }) => [name, { hosts, in: places }])),
  };
}

/** The same, as the API returns it. */
export function egressView({ allowNet, deny, rules, secrets }: NetworkRecord): EgressView {
  return {
    allow: allowNet,
    deny,
    rules,
    secrets: Object.entries(secrets).map(([name, { hosts, in: places = [] }]) => ({ name, hosts, in: places })),
  };
}

/** What a sandbox whose specification is lost may reach: the same policy, without secrets. */
export function policyOf({ allowNet, deny, rules }: NetworkRecord): EgressSpec {
  return { policy: { allow: allowNet, deny, rules }, secrets: [] };
}
