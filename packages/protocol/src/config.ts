import { z } from "zod";
import { parseDuration } from "./duration.ts";
import {
  placeholderFormSchema,
  type RequestRule,
  requestRulesSchema,
  secretHostsSchema,
  secretNameSchema,
  secretPlacesSchema,
  secretValueSchema,
} from "./egress/egress.ts";
import { ApiError } from "./errors.ts";
import { type Labels, labelsSchema } from "./labels.ts";
import { type Lifetime, ON_IDLE, type OnIdle, parseLifetime, timeoutSchema } from "./lifetime.ts";
import { CONFIG_BYTES, LIST_LENGTH, MEMORY_MIB, NAME_LENGTH, SECRETS } from "./limits.ts";
import { type Mount, mountsSchema } from "./storage/mounts.ts";
import { describeIssues } from "./validation.ts";

/** The request header that carries a new sandbox's configuration (wire-protocol §4.1). */
export const CONFIG_HEADER = "x-deno-sandbox-config";

/** A client's configuration for a new sandbox, the same for both dialects. */
export interface SandboxConfig {
  memoryMiB: number;
  lifetime: Lifetime;
  /** Sandkeep only: what happens instead of its end. */
  onIdle: OnIdle;
  /** Sandkeep only: how long it may be without a client; null: any time. */
  idleMs: number | null;
  labels: Labels;
  /** Volume or snapshot to boot from. */
  root: string | null;
  /** At most eight, parents before what is mounted in them. */
  volumes: Mount[];
  /** Patterns of hosts that may be reached; null: every public host. */
  allowNet: string[] | null;
  /** Exceptions, and the requests that are permitted. Sandkeep only. */
  egress: { deny: string[]; rules: RequestRule[] };
  /** Sandkeep only: `in: ["body"]` also inserts it into bodies; `placeholder` is the form of its placeholder. */
  secrets: Record<string, { hosts: string[]; value: string; in: "body"[]; placeholder?: string }>;
  env: Record<string, string>;
  /** Sent by Python's client only; JavaScript's requests it after it has connected. */
  expose: { ssh: boolean; port: number | null };
}

const name = z.string().min(1).max(NAME_LENGTH);
const withoutNul = z.string().refine((text) => !text.includes("\0"), "must not contain NUL");
const variable = z.string().regex(/^[^=\0]+$/, "a variable name must not be empty or contain `=` or NUL");

/** Both dialects. Unknown keys are ignored, and null means absent. */
const wireConfig = z.object({
  memory_mb: z.int().min(MEMORY_MIB.min).max(MEMORY_MIB.max).nullish(),
  stop_at_ms: z.number().int().nonnegative().nullish(),
  timeout: timeoutSchema.nullish(),
  on_idle: z.enum(ON_IDLE).nullish(),
  idle: z
    .string()
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== null) return ms;
      context.addIssue({ code: "custom", message: 'must be a duration such as "10m"' });
      return z.NEVER;
    })
    .nullish(),
  labels: labelsSchema.nullish(),
  root: z.object({ volume: name }).nullish(),
  volumes: mountsSchema.nullish(),
  allow_net: z.array(z.string()).max(LIST_LENGTH).nullish(),
  egress: z
    .object({ deny: z.array(z.string()).max(LIST_LENGTH).nullish(), rules: requestRulesSchema.nullish() })
    .nullish(),
  secrets: z
    .record(
      secretNameSchema,
      z
        .object({
          hosts: secretHostsSchema,
          value: secretValueSchema,
          in: secretPlacesSchema.nullish(),
          placeholder: placeholderFormSchema.nullish(),
        })
        .transform(({ hosts, value, in: places, placeholder }) => ({
          hosts,
          value,
          in: places ?? [],
          ...(typeof placeholder === "string" && { placeholder }),
        })),
    )
    .refine((secrets) => Object.keys(secrets).length <= SECRETS.max, `a sandbox has at most ${SECRETS.max} secrets`)
    .nullish(),
  env: z.record(variable, withoutNul).nullish(),
  ssh: z.boolean().nullish(),
  port: z.int().min(1).max(65_535).nullish(),
});

/**
 * Decodes and checks the configuration header.
 *
 * The bytes are Latin-1: JavaScript's client encodes with `btoa`, Python's escapes everything beyond ASCII in the JSON.
 *
 * @throws {ApiError} `INVALID_CONFIG` or `INVALID_TIMEOUT`, with a message that names the option.
 */
export function decodeConfig(header: string | undefined): SandboxConfig {
  if (header === undefined) throw new ApiError("INVALID_CONFIG", `The header ${CONFIG_HEADER} is missing.`);
  const parsed = wireConfig.safeParse(parseHeader(header));
  if (!parsed.success)
    throw new ApiError("INVALID_CONFIG", `The sandbox's configuration is invalid: ${describeIssues(parsed.error)}.`);
  const wire = parsed.data;
  const secrets = wire.secrets ?? {};
  const env = wire.env ?? {};
  const twice = Object.keys(secrets).find((key) => Object.hasOwn(env, key));
  if (twice !== undefined) throw new ApiError("INVALID_CONFIG", `${twice} is both in env and a secret.`);
  return {
    memoryMiB: wire.memory_mb ?? MEMORY_MIB.default,
    lifetime: lifetime(wire.stop_at_ms, wire.timeout),
    onIdle: wire.on_idle ?? "end",
    idleMs: wire.idle ?? null,
    labels: wire.labels ?? {},
    root: wire.root?.volume ?? null,
    volumes: wire.volumes ?? [],
    allowNet: wire.allow_net ?? null,
    egress: { deny: wire.egress?.deny ?? [], rules: wire.egress?.rules ?? [] },
    secrets,
    env,
    expose: { ssh: wire.ssh ?? false, port: wire.port ?? null },
  };
}

function parseHeader(header: string): unknown {
  // Node's decoder skips what is not base64, so the form is checked first.
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(header)) {
    throw new ApiError("INVALID_CONFIG", `The header ${CONFIG_HEADER} is not base64.`);
  }
  const bytes = Buffer.from(header, "base64");
  if (bytes.length > CONFIG_BYTES)
    throw new ApiError("INVALID_CONFIG", `The sandbox's configuration is larger than ${CONFIG_BYTES} bytes.`);
  try {
    return JSON.parse(bytes.toString("latin1"));
  } catch {
    throw new ApiError("INVALID_CONFIG", `The header ${CONFIG_HEADER} does not contain JSON.`);
  }
}

function lifetime(stopAtMs: number | null | undefined, timeout: string | null | undefined): Lifetime {
  if (typeof stopAtMs === "number") return { kind: "until", stopAtMs };
  return parseLifetime(timeout ?? "session");
}
