import { z } from "zod";
import type { PolicySpec, RequestRule } from "../contract.ts";
import { parseNamePattern, parsePattern } from "./hosts/pattern.ts";
import { parsePathPattern } from "./rules/path.ts";

/** Patterns in one list: each connection is held against all of them. */
export const MAX_PATTERNS = 1000;
/** Request rules of one sandbox; each may hold a window of requests. */
export const MAX_RULES = 100;
/** Methods or paths of one rule. */
const MAX_RULE_ITEMS = 100;
/** Most requests per minute that a rule can count to. */
const MAX_RATE = 1_000_000;

/** A check by a parser that throws an error with a sentence for people. */
const readBy = (parse: (text: string) => unknown) => (context: z.core.ParsePayload<string>) => {
  try {
    parse(context.value);
  } catch (error) {
    context.issues.push({ code: "custom", message: (error as Error).message, input: context.value });
  }
};

/** A pattern of hosts, `*.example.com:443` for instance. */
export const patternSchema = z.string().check(readBy(parsePattern));
/** A pattern of names only, as for a secret. */
export const namePatternSchema = z.string().check(readBy(parseNamePattern));
const pathPatternSchema = z.string().check(readBy(parsePathPattern));
/** RFC 9110 §9.1: methods are tokens, and case matters. */
const methodSchema = z
  .string()
  .max(32)
  .regex(/^[A-Z][A-Z0-9_-]*$/, "A method is written in capital letters, such as GET");

/** {@link RequestRule} */
export const requestRuleSchema: z.ZodType<RequestRule> = z.strictObject({
  host: patternSchema,
  methods: z.array(methodSchema).min(1).max(MAX_RULE_ITEMS).optional(),
  paths: z.array(pathPatternSchema).min(1).max(MAX_RULE_ITEMS).optional(),
  websocket: z.boolean().optional(),
  maxRequestBytes: z.int().nonnegative().optional(),
  requestsPerMinute: z.int().positive().max(MAX_RATE).optional(),
});

/** {@link PolicySpec}; what is left out is the open default. */
export const policySpecSchema = z.strictObject({
  allow: z.array(patternSchema).max(MAX_PATTERNS).nullable().default(null),
  deny: z.array(patternSchema).max(MAX_PATTERNS).default([]),
  rules: z.array(requestRuleSchema).max(MAX_RULES).default([]),
}) satisfies z.ZodType<PolicySpec>;
