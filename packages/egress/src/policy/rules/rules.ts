import type { RequestRule } from "../../contract.ts";
import { PolicyError } from "../error.ts";
import { type Pattern, parsePattern } from "../hosts/pattern.ts";
import { requestRuleSchema } from "../schema.ts";
import { type PathPattern, parsePathPattern } from "./path.ts";

/** An invalid request rule. */
export class RuleError extends PolicyError {
  override readonly name = "RuleError";
  /** Index of the rule, from 0. */
  readonly index: number;

  constructor(index: number, host: unknown, reason: string) {
    super(
      `Request rule ${index + 1}${typeof host === "string" && host.length <= 300 ? ` (${JSON.stringify(host)})` : ""} is not valid: ${reason}`,
    );
    this.index = index;
  }
}

/** A parsed request rule. */
export interface Rule {
  readonly spec: RequestRule;
  readonly host: Pattern;
  readonly paths: PathPattern[] | null;
  /** The rule in one line, such as `GET,HEAD api.example.com /v1/* ≤1000 B ≤60/min`. */
  readonly text: string;
}

/**
 * Parses request rules from untrusted data.
 *
 * @throws RuleError
 */
export function parseRules(specs: readonly unknown[]): Rule[] {
  return specs.map((value, index) => {
    const parsed = requestRuleSchema.safeParse(value);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0]!;
      throw new RuleError(
        index,
        (value as { host?: unknown } | null)?.host,
        path.length === 0 ? message : `${path.join(".")}: ${message}`,
      );
    }
    const spec = parsed.data;
    return {
      spec,
      host: parsePattern(spec.host),
      paths: spec.paths?.map(parsePathPattern) ?? null,
      text: ruleText(spec),
    };
  });
}

/** Formats a rule in one line. */
export function ruleText({ host, methods, paths, websocket, maxRequestBytes, requestsPerMinute }: RequestRule): string {
  return [
    methods?.join(","),
    parsePattern(host).text,
    paths?.join(","),
    websocket === true && "websocket",
    maxRequestBytes !== undefined && `≤${maxRequestBytes} B`,
    requestsPerMinute !== undefined && `≤${requestsPerMinute}/min`,
  ]
    .filter((part) => typeof part === "string")
    .join(" ");
}
