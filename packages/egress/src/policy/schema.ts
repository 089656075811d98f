import { z } from "zod";
import type { PolicySpec, RequestRule } from "../contract.ts";
import { parseNamePattern, parsePattern } from "./hosts/pattern.ts";
import { parsePathPattern } from "./rules/path.ts";

/** Patterns per list: each connection is compared with all of them. */
export const MAX_PATTERNS = 1000;
/** Request rules per sandbox; each may keep a request count. */
export const MAX_RULES = 100;
/** Methods or paths per rule. */
const MAX_RULE_ITEMS = 100;
/** Largest `requestsPerMinute` of a rule. */
const MAX_RATE = 1_000_000;

/** A zod check by a parser that throws an error with a readable message. */
const readBy = (parse: (text: string) => unknown) => (context: z.core.ParsePayload<string>) => {
  try {
    parse(context.value);
  } catch (error) {
    context.issues.push({ code: "custom", message: (error as Error).message, input: context.value });
  }
};

/** A host pattern such as `*.example.com:443`. */
export const patternSchema = z.string().check(readBy(parsePattern));
/** A name pattern, as for a secret's hosts. */
export const namePatternSchema = z.string().check(readBy(parseNamePattern));
const pathPatternSchema = z.string().check(readBy(parsePathPattern));
/** RFC 9110 §9.1: methods are case-sensitive tokens. */
const methodSchema = z
  .string()
  .max(32)
  .regex(/^[A-Z][A-Z0-9_-]*$/, "a method must be in upper case, such as GET");

/** {@link RequestRule} */
export const requestRuleSchema: z.ZodType<RequestRule> = z.strictObject({
  host: patternSchema,
  methods: z.array(methodSchema).min(1).max(MAX_RULE_ITEMS).optional(),
  paths: z.array(pathPatternSchema).min(1).max(MAX_RULE_ITEMS).optional(),
  websocket: z.boolean().optional(),
  maxRequestBytes: z.int().nonnegative().optional(),
  requestsPerMinute: z.int().positive().max(MAX_RATE).optional(),
});

/** {@link PolicySpec}; omitted fields get the open default. */
export const policySpecSchema = z.strictObject({
  allow: z.array(patternSchema).max(MAX_PATTERNS).nullable().default(null),
  deny: z.array(patternSchema).max(MAX_PATTERNS).default([]),
  rules: z.array(requestRuleSchema).max(MAX_RULES).default([]),
}) satisfies z.ZodType<PolicySpec>;
