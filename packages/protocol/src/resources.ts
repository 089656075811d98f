import { z } from "zod";
import { exposeSshAnswerSchema } from "./doors/ssh.ts";
import { egressViewSchema } from "./egress/egress.ts";
import { labelsSchema } from "./labels.ts";
import { ON_IDLE, timeoutSchema } from "./lifetime.ts";
import { CHILDREN, TOKEN_LIFETIME_MS } from "./limits.ts";
import { scopeSchema } from "./scopes.ts";
import { slugSchema } from "./slug.ts";

/** A sandbox in the lists of the official clients, which expect camelCase (wire-protocol §10.1). */
export const sandboxMetadataSchema = z.object({
  id: z.string(),
  /** ISO 8601. */
  createdAt: z.string(),
  stoppedAt: z.string().nullable(),
  region: z.string(),
  /** The official clients know only the first and the last. */
  status: z.enum(["running", "paused", "stopped"]),
  labels: z.record(z.string(), z.string()),
});
export type SandboxMetadata = z.infer<typeof sandboxMetadataSchema>;

/** A sandbox with everything that Sandkeep stores about it. */
export const sandboxDetailSchema = sandboxMetadataSchema.extend({
  memoryMiB: z.number(),
  /** ISO 8601; null: ends with its creator's connection. Of a paused one: when it is removed unless it is resumed. */
  stopAt: z.string().nullable(),
  stopReason: z.string().nullable(),
  /** Since when it is paused; null if it is not. */
  pausedAt: z.string().nullable(),
  /** The sandbox that it was forked from. */
  parent: z.string().nullable(),
  /** What happens when nobody needs it any more. */
  onIdle: z.enum(ON_IDLE),
  /** How long it may be without a client, milliseconds; null: any time. */
  idleMs: z.number().nullable(),
  /** As in `egress`. */
  allowNet: z.array(z.string()).nullable(),
  /** Names only. */
  secrets: z.array(z.string()),
  egress: egressViewSchema,
  /** Connections open now. */
  connections: z.number(),
});
export type SandboxDetail = z.infer<typeof sandboxDetailSchema>;

/** Body of PATCH /api/v3/sandbox/{id}: an absolute time, epoch milliseconds (wire-protocol §8). */
export const extendRequestSchema = z.object({ stop_at_ms: z.number().int().nonnegative() });
/** Its answer: the time in effect, which may differ. */
export const extendAnswerSchema = z.object({ stop_at_ms: z.number() });
export type ExtendAnswer = z.infer<typeof extendAnswerSchema>;

/** Body of POST /api/v1/sandboxes/{id}/fork. */
export const forkRequestSchema = z.strictObject({
  count: z.int().min(1).max(CHILDREN).default(1),
  /** Absent: as its parent. */
  timeout: timeoutSchema.optional(),
  /** Absent: those of its parent. */
  labels: labelsSchema.optional(),
});
export type ForkRequest = z.output<typeof forkRequestSchema>;

/** Body of POST /api/v1/sandboxes/{id}/resume. */
export const resumeRequestSchema = z.strictObject({
  /** Absent: a session again, or the time that it had left. */
  timeout: timeoutSchema.optional(),
});
export type ResumeRequest = z.output<typeof resumeRequestSchema>;

export const tokenRequestSchema = z
  .object({
    name: z.string().min(1).max(100),
    /** Milliseconds from now until it expires; absent: it expires with the token that creates it. */
    expiresInMs: z.int().positive().max(TOKEN_LIFETIME_MS).optional(),
    /** Slug; only an administrator's token may name an organisation other than its own. */
    organisation: slugSchema.optional(),
    /** What it may do; absent: `manage`. At most the scope of the token that creates it. */
    scope: scopeSchema.optional(),
    /** The same as the scope `admin`, from before there were scopes. */
    admin: z.boolean().optional(),
  })
  .refine(({ scope, admin }) => !admin || scope === undefined || scope === "admin", "admin contradicts the scope");
export type TokenRequest = z.infer<typeof tokenRequestSchema>;

/** A token in a list: never the token itself. */
export const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** Its first characters, to recognise it by. */
  prefix: z.string(),
  organisation: z.string(),
  scope: scopeSchema,
  /** Whether the scope is `admin`. */
  admin: z.boolean(),
  createdAt: z.string(),
  lastUsedAt: z.string().nullable(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
});
export type Token = z.infer<typeof tokenSchema>;
/** Answer to its creation: the only time that the token is shown. */
export const newTokenSchema = tokenSchema.extend({ token: z.string() });
export type NewToken = z.infer<typeof newTokenSchema>;

export const organisationRequestSchema = z.object({ slug: slugSchema, name: z.string().min(1).max(100).optional() });
export const organisationSchema = z.object({
  id: z.string(),
  slug: z.string(),
  name: z.string(),
  createdAt: z.string(),
});
export type Organisation = z.infer<typeof organisationSchema>;

/** A line of GET /api/v1/storage/findings. */
export interface StorageFinding {
  /** Id of the computer. */
  host: string;
  /** Id of the volume or snapshot; null: a file that belongs to none. */
  disk: string | null;
  /**
   * `fine`; `leak`: space that no data uses, which the next use of the disk frees; `damaged`: data is missing or wrong;
   * `orphan`: a file that no disk refers to, which the next start removes; `busy`: not checked, because a sandbox has it.
   */
  state: "fine" | "leak" | "damaged" | "orphan" | "busy";
  detail: string;
}

/** A certificate of the server. */
export const certificateSchema = z.object({
  source: z.enum(["local-ca", "files", "acme"]),
  /** Names and addresses. */
  names: z.array(z.string()),
  /** ISO 8601; null if there is none yet. */
  expiresAt: z.string().nullable(),
  /** Why it could not be renewed; null if nothing went wrong. The previous one stays in use. */
  problem: z.string().nullable(),
});

/** Answer of GET /api/v1/info. */
export const serverInfoSchema = z.object({
  version: z.string(),
  region: z.string(),
  /** ISO 8601. */
  startedAt: z.string(),
  organisation: z.object({ id: z.string(), slug: z.string() }),
  sandboxes: z.object({ running: z.number() }),
  limits: z.record(z.string(), z.number()),
  host: z.object({
    acceleration: z.object({ kind: z.enum(["kvm", "tcg"]), reason: z.string() }),
    /** The jail around each machine: `full` has namespaces, `minimal` does not. */
    jail: z.enum(["full", "minimal"]),
    versions: z.record(z.string(), z.string()),
    machines: z.number(),
    /** In the warm pools; `clones` includes the hot ones. */
    waiting: z.object({ processes: z.number(), clones: z.number(), hot: z.number() }),
    memoryBudgetMiB: z.number(),
  }),
  /** The SSH server; null if it is turned off. */
  ssh: exposeSshAnswerSchema.omit({ username: true }).nullable(),
  /** For administrators: the certificates of the server; none if it speaks plain HTTP. */
  certificates: z.array(certificateSchema).optional(),
});
export type ServerInfo = z.infer<typeof serverInfoSchema>;
