import { z } from "zod";
import { secretHostsSchema } from "../egress/egress.ts";
import { ENV_VARS } from "../limits.ts";

const key = z
  .string()
  .max(ENV_VARS.keyLength)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable's key has letters, digits and _, and does not begin with a digit")
  // No object can have it as an own key by assignment.
  .refine((name) => name !== "__proto__", "must not be __proto__");

const value = z
  .string()
  .refine((text) => Buffer.byteLength(text) <= ENV_VARS.valueBytes, `a value has at most ${ENV_VARS.valueBytes} bytes`)
  .refine((text) => !text.includes("\0"), "must not contain NUL")
  .refine((text) => text.isWellFormed(), "must be Unicode text");

/** Where a variable applies: everywhere, or in these contexts, such as `production` and `preview`. */
const contexts = z.union([z.literal("all"), z.array(z.string().min(1).max(64)).min(1).max(ENV_VARS.contexts)]);

/** A new variable of an app or a layer. */
export const envVarInitSchema = z.object({
  key,
  value,
  secret: z.boolean().nullish(),
  contexts: contexts.nullish(),
  /** Sandkeep's own, for secrets: the program gets a placeholder, and the value leaves for these hosts only. */
  hosts: secretHostsSchema.nullish(),
});
export type EnvVarInit = z.output<typeof envVarInitSchema>;
export const envVarInitsSchema = z.array(envVarInitSchema).max(ENV_VARS.max);

/** A change to one variable. It is found by `id`, or by `key` if that is absent. */
export const envVarUpdateSchema = z
  .object({
    id: z.string().max(64).nullish(),
    key: key.nullish(),
    value: value.nullish(),
    secret: z.boolean().nullish(),
    contexts: contexts.nullish(),
    hosts: secretHostsSchema.nullish(),
    delete: z.boolean().nullish(),
  })
  .refine(({ id, key }) => Boolean(id) || Boolean(key), "needs an id or a key");
export type EnvVarUpdate = z.output<typeof envVarUpdateSchema>;
export const envVarUpdatesSchema = z.array(envVarUpdateSchema).max(ENV_VARS.max);

/** A variable as the official clients expect it. A secret has no value. */
export const envVarSchema = z.object({
  id: z.string(),
  key: z.string(),
  value: z.string().optional(),
  secret: z.boolean(),
  contexts: z.union([z.literal("all"), z.array(z.string())]),
  hosts: z.array(z.string()).optional(),
});
export type EnvVar = z.infer<typeof envVarSchema>;
