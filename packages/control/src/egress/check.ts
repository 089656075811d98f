import { type EgressSpec, PolicyError, parseNamePattern, parsePattern, parseRules } from "@sandkeep/egress";
import { ApiError } from "@sandkeep/protocol";

/** The clients' names for the fields of a specification; a new sandbox's configuration has different ones. */
const FIELDS = {
  INVALID_CONFIG: { allow: "allow_net", deny: "egress.deny", rules: "egress.rules" },
  INVALID_REQUEST: { allow: "allow", deny: "deny", rules: "rules" },
} as const;

/**
 * Checks patterns and rules with the parser that the proxy uses.
 *
 * @throws {ApiError} with this code and a message with the field, the pattern, and what is wrong with it.
 */
export function checkSpec({ policy, secrets }: EgressSpec, code: keyof typeof FIELDS): void {
  const fields = FIELDS[code];
  const check = (where: string, parse: () => unknown) => {
    try {
      parse();
    } catch (error) {
      if (error instanceof PolicyError) throw new ApiError(code, `${where}: ${error.message}`);
      throw error;
    }
  };
  check(fields.allow, () => policy.allow?.map(parsePattern));
  check(fields.deny, () => policy.deny.map(parsePattern));
  check(fields.rules, () => parseRules(policy.rules));
  for (const { name, hosts } of secrets) check(`secrets.${name}.hosts`, () => hosts.map(parseNamePattern));
}
