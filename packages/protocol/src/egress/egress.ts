import { z } from "zod";
import { LIST_LENGTH, NAME_LENGTH, RULES, SECRETS } from "../limits.ts";

/** A host pattern. The server lets the policy's parser check it, which has the better error messages. */
const pattern = z.string();
const patterns = z.array(pattern).max(LIST_LENGTH);

/** Requests that a sandbox may send to hosts; see docs/egress.md. */
export const requestRuleSchema = z.strictObject({
  host: pattern,
  methods: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_-]{0,31}$/, "a method must be in upper case, such as GET"))
    .min(1)
    .max(RULES.methods)
    .optional(),
  paths: z
    .array(z.string().startsWith("/", "a path must start with /").max(RULES.pathLength))
    .min(1)
    .max(RULES.paths)
    .optional(),
  /** Whether it also permits WebSockets. */
  websocket: z.boolean().optional(),
  /** Bytes. */
  maxRequestBytes: z.int().nonnegative().optional(),
  requestsPerMinute: z.int().positive().optional(),
});
export type RequestRule = z.infer<typeof requestRuleSchema>;

export const requestRulesSchema = z.array(requestRuleSchema).max(RULES.max);

/** Name of the environment variable that holds a secret's placeholder. */
export const secretNameSchema = z
  .string()
  .max(NAME_LENGTH)
  .regex(/^[^=\0]+$/, "a variable name must not be empty or contain `=` or NUL");

/** A secret's value. It is inserted into headers, where a line break would start another header. */
export const secretValueSchema = z
  .string()
  .min(1, "a secret's value must not be empty")
  .refine(
    (value) => Buffer.byteLength(value) <= SECRETS.valueBytes,
    `a secret's value has at most ${SECRETS.valueBytes} bytes`,
  )
  .refine(
    (value) => !/[\0-\x08\x0a-\x1f\x7f]/.test(value),
    "a secret's value must not contain line breaks or other control characters",
  )
  .refine((value) => value.isWellFormed(), "a secret's value must be Unicode text");

export const secretHostsSchema = z.array(pattern).min(1, "a secret needs at least one host").max(SECRETS.hosts);

/** Where a secret is inserted, besides headers and the query. */
export const secretPlacesSchema = z.array(z.enum(["body"])).max(1);

/** The form of a secret's placeholder, such as `sk-ant-…`. The server lets the form's own parser check it. */
export const placeholderFormSchema = z.string().max(SECRETS.placeholderFormLength);

/** A secret without its value. */
export const secretViewSchema = z.object({ name: z.string(), hosts: patterns, in: secretPlacesSchema });

/** What a sandbox may reach, and its secrets without their values: answer of GET /api/v1/sandboxes/{id}/egress. */
export const egressViewSchema = z.object({
  /** Null: the public internet. */
  allow: patterns.nullable(),
  deny: patterns,
  rules: requestRulesSchema,
  secrets: z.array(secretViewSchema),
});
export type EgressView = z.infer<typeof egressViewSchema>;

/** A new list, or the patterns to add and to remove. */
const listChange = z.union([patterns, z.strictObject({ add: patterns.optional(), remove: patterns.optional() })]);

/** Body of PATCH /api/v1/sandboxes/{id}/egress. Absent fields stay as they are. */
export const egressChangeSchema = z.strictObject({
  /** Null: the public internet. */
  allow: listChange.nullable().optional(),
  deny: listChange.optional(),
  rules: requestRulesSchema.optional(),
});
export type EgressChange = z.infer<typeof egressChangeSchema>;

/** Body of PUT /api/v1/sandboxes/{id}/egress/secrets/{name}. For an existing secret, absent fields stay as they are. */
export const secretRequestSchema = z.strictObject({
  value: secretValueSchema,
  hosts: secretHostsSchema.optional(),
  in: secretPlacesSchema.optional(),
  placeholder: placeholderFormSchema.optional(),
});
export type SecretRequest = z.infer<typeof secretRequestSchema>;
