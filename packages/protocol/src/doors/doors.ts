import { z } from "zod";
import { TOKEN_LIFETIME_MS } from "../limits.ts";

/** A name that an organisation keeps: part of a host name. No `--`, which separates a token from a name. */
export const doorNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, "lowercase letters, digits and single hyphens, beginning with a letter")
  .min(3)
  // Shorter than random names, so that nobody takes one of those.
  .max(19);

const port = z.int().min(1).max(65_535);
const expiresInMs = z.int().positive().max(TOKEN_LIFETIME_MS);

/**
 * Body of POST /api/v3/sandbox/{id}/expose/http (wire-protocol §8). JavaScript's official client sends neither `port` nor `pid`, and calls
 * the RPC method `exposeHttp` next.
 */
export const exposeRequestSchema = z
  .object({
    port: port.nullish(),
    /** A Deno process; its HTTP server may still be starting. */
    pid: z.int().positive().nullish(),
    /** Who may pass: everybody (the default), or those who have the token. */
    auth: z.enum(["none", "token"]).default("none"),
    /** A name that outlives the sandbox. If another sandbox of the organisation has it, it moves. */
    name: doorNameSchema.optional(),
    /** How long the token is valid; absent: a day. */
    expiresInMs: expiresInMs.optional(),
  })
  .refine(({ port, pid }) => !port || !pid, "port and pid exclude each other")
  .refine(({ auth, expiresInMs }) => expiresInMs === undefined || auth === "token", {
    path: ["expiresInMs"],
    message: 'is for private doors, with auth "token"',
  });
export type ExposeRequest = z.output<typeof exposeRequestSchema>;

/** Its answer. The official clients read `domain` only, and put `https://` in front of it. */
export const exposeAnswerSchema = z.object({
  domain: z.string(),
  /** With the token, if there is one: all that somebody needs. */
  url: z.string(),
  token: z.string().nullable(),
  /** ISO 8601. */
  tokenExpiresAt: z.string().nullable(),
});
export type ExposeAnswer = z.infer<typeof exposeAnswerSchema>;

/** A way into a sandbox, as lists show it. */
export const doorSchema = z.object({
  name: z.string(),
  kind: z.enum(["http", "vscode", "ssh", "terminal"]),
  /** Host name, with the port if it is not 443; null for doors that are no HTTP. */
  domain: z.string().nullable(),
  /** Null: a name that the organisation keeps, and nothing is behind it now. */
  sandbox: z.string().nullable(),
  port: z.number().nullable(),
  pid: z.number().nullable(),
  /** What visitors need besides the name. */
  auth: z.enum(["none", "token", "key"]),
  tokenExpiresAt: z.string().nullable(),
  stable: z.boolean(),
  createdAt: z.string(),
});
export type Door = z.infer<typeof doorSchema>;

/** Body of POST /api/v1/doors/{name}/token. */
export const doorTokenRequestSchema = z.strictObject({ expiresInMs: expiresInMs.optional() });
export type DoorTokenRequest = z.output<typeof doorTokenRequestSchema>;

/** Data of the events `door.opened` and `door.closed`. A random name is a secret, so only stable names are in there. */
export const doorEventShapes = {
  "door.opened": {
    door: z.string(),
    kind: doorSchema.shape.kind,
    port: z.number().nullable(),
    pid: z.number().nullable(),
    auth: doorSchema.shape.auth,
    name: z.string().nullable(),
  },
  /** `why`: somebody closed it, its name went to another sandbox, or its sandbox ended. */
  "door.closed": { door: z.string(), kind: doorSchema.shape.kind, why: z.enum(["closed", "moved", "sandbox-ended"]) },
} as const;
