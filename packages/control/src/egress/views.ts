import type { EgressSpec } from "@sandkeep/egress";
import type { EgressView } from "@sandkeep/protocol";
import type { NetworkRecord } from "@sandkeep/store";

/** What is kept of a specification for everybody in the organisation to see. Field by field: nothing sealed gets in. */
export function networkRecord({ policy, secrets }: EgressSpec): NetworkRecord {
  return {
    allowNet: policy.allow,
    deny: policy.deny,
    rules: policy.rules,
    secrets: Object.fromEntries(secrets.map(({ name, hosts, in: places }) => [name, { hosts, in: places }])),
  };
}

/** The same, as the API tells it. */
export function egressView({ allowNet, deny, rules, secrets }: NetworkRecord): EgressView {
  return {
    allow: allowNet,
    deny,
    rules,
    secrets: Object.entries(secrets).map(([name, { hosts, in: places = [] }]) => ({ name, hosts, in: places })),
  };
}

/** What one whose specification is lost may reach again: as before, but without secrets. */
export function policyOf({ allowNet, deny, rules }: NetworkRecord): EgressSpec {
  return { policy: { allow: allowNet, deny, rules }, secrets: [] };
}
