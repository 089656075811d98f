import type { EgressSpec, Sealer } from "@sandkeep/egress";
import type { SandboxConfig } from "@sandkeep/protocol";
import { checkSpec } from "./check.ts";
import { placeholderFor } from "./placeholder.ts";

/**
 * What a new sandbox may reach. The values of secrets are sealed and removed from the configuration; nothing else has them from then on.
 *
 * @throws {ApiError} `INVALID_CONFIG`, naming the option and what is wrong with it.
 */
export function newEgress(config: SandboxConfig, sealer: Sealer): EgressSpec {
  const { allowNet, egress } = config;
  const given = Object.entries(config.secrets);
  config.secrets = {};
  const spec: EgressSpec = {
    policy: { allow: allowNet, deny: egress.deny, rules: egress.rules },
    secrets: given.map(([name, { hosts, in: places, value, placeholder: form }]) => {
      const placeholder = placeholderFor(value, form, `secrets.${name}.placeholder`, "INVALID_CONFIG");
      const sealed = sealer.seal(value, placeholder);
      return { name, placeholder, ...(form !== undefined && { form }), hosts, in: places, sealed };
    }),
  };
  checkSpec(spec, "INVALID_CONFIG");
  return spec;
}
