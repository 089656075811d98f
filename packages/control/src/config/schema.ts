import { isIP } from "node:net";
import { MEMORY_MIB, MIN_CAPACITY_BYTES, REGION } from "@sandkeep/protocol";
import { RPC_LIMITS } from "@sandkeep/rpc";
import { z } from "zod";
import { acmeSchema } from "./acme.ts";
import { defaultDataDir } from "./data-dir.ts";
import { egressSchema } from "./egress.ts";

const MINUTE_MS = 60_000;
const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
/** Ten years, and far within the range of dates. */
const MAX_KEPT_HOURS = 10 * 365 * 24;
/** Certificates in files: one for the server, one for its doors, and room for more. */
const MAX_CERTIFICATE_FILES = 16;

/** Limits that an installation can set. Times in milliseconds, sizes in bytes. */
export const limitsSchema = z.strictObject({
  /** Sandboxes that one organisation may have at once, those being created included. */
  sandboxesPerOrganisation: z.int().min(1).default(100),
  /** Paused sandboxes that one organisation may have, and how long each is kept. They use disk space only. */
  pausedPerOrganisation: z.int().min(0).default(100),
  keepPausedHours: z
    .number()
    .positive()
    .max(MAX_KEPT_HOURS)
    .default(7 * 24),
  /** Longest lifetime of a sandbox with a duration, and the furthest that one `extend` reaches from now. Deno Sandbox has 30 minutes. */
  maxLifetimeMs: z
    .int()
    .min(1_000)
    .default(30 * MINUTE_MS),
  /** A sandbox that is not ready by then is abandoned. The first one may have to wait for its template. */
  createTimeoutMs: z
    .int()
    .min(100)
    .default(2 * MINUTE_MS),
  /** If no client connects to a session within this time, a fork ends, and one that was resumed is paused again. */
  creatorTimeoutMs: z.int().min(100).default(30_000),
  /**
   * A client that is silent for this long, and whose computer acknowledges nothing, counts as gone. It is asked after half
   * of this time.
   */
  silentClientMs: z.int().min(500).default(15_000),
  /** A client whose computer acknowledges what it is sent may be busy for this long, for example with a build in its only thread. */
  busyClientMs: z
    .int()
    .min(500)
    .default(3 * MINUTE_MS),
  /** Concurrent connections to one sandbox. */
  connectionsPerSandbox: z.int().min(1).default(64),
  /** Concurrent TCP connections to the server. */
  connections: z.int().min(1).default(4_096),
  /** One WebSocket message from a client: the JavaScript client sends a whole file as one, in base64. */
  messageBytes: z
    .int()
    .min(1 * MiB)
    .default(RPC_LIMITS.messageBytes),
  /** Messages that are still arriving, on all connections together. */
  incomingBytes: z
    .int()
    .min(1 * MiB)
    .default(512 * MiB),
  /** Body of a REST request. */
  bodyBytes: z
    .int()
    .min(1_024)
    .default(1 * MiB),
  /** How long each step of a stop may take before the server stops waiting for it. */
  stopTimeoutMs: z.int().min(100).default(20_000),
});
export type Limits = z.infer<typeof limitsSchema>;

/** Volumes and snapshots; sizes in bytes. */
export const storageSchema = z.strictObject({
  /** Largest capacity of a volume. Deno Sandbox has 20 GB. */
  maxVolumeBytes: z
    .int()
    .min(MIN_CAPACITY_BYTES)
    .default(20 * GiB),
  /**
   * What one organisation may have, deleted ones included while their data is kept. Bytes are capacities, so that volumes
   * can be filled whatever they share.
   */
  volumesPerOrganisation: z.int().min(0).default(100),
  snapshotsPerOrganisation: z.int().min(0).default(100),
  bytesPerOrganisation: z
    .int()
    .min(0)
    .default(1024 * GiB),
  /** How long the data of deleted ones is kept, so that they can be restored. */
  keepDeletedHours: z.number().min(0).max(MAX_KEPT_HOURS).default(24),
});
export type StorageConfig = z.infer<typeof storageSchema>;

/** Apps; times in milliseconds. */
export const appsSchema = z.strictObject({
  /** What one organisation may have. */
  appsPerOrganisation: z.int().min(0).default(100),
  layersPerOrganisation: z.int().min(0).default(100),
  /** Deployments that one organisation may have in progress, those that wait included. */
  deploymentsPerOrganisation: z.int().min(1).default(10),
  /** Deployed revisions that are kept of each app, besides those that its addresses may lead to. Each needs a snapshot. */
  revisionsPerApp: z.int().min(1).default(5),
  /** A deployment that is not finished by then has failed. */
  deployTimeoutMs: z
    .int()
    .min(1_000)
    .default(5 * MINUTE_MS),
  /** An app's server listens by then, or it could not be started. On a busy computer, an emulated machine takes a minute for its first Deno. */
  startTimeoutMs: z
    .int()
    .min(1_000)
    .default(3 * MINUTE_MS),
  /** An app that nobody has used for this long is stopped, and starts with the next request. */
  idleMs: z.int().min(1_000).default(MINUTE_MS),
  /** Lines of output kept of each app, the newest ones. */
  logLines: z.int().min(100).default(10_000),
});
export type AppsConfig = z.infer<typeof appsSchema>;

const certificateFileSchema = z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1) });

const tlsSchema = z.union([
  /** Plain HTTP on loopback, the local CA elsewhere. */
  z.literal("auto"),
  /** Plain HTTP, for instance behind a reverse proxy. */
  z.literal(false),
  /** A certificate from a CA that is created in the data directory. */
  z.literal("local-ca"),
  /** PEM files. */
  certificateFileSchema,
  z.array(certificateFileSchema).min(1).max(MAX_CERTIFICATE_FILES),
  /** Certificates from a certificate authority, such as Let's Encrypt. */
  z.strictObject({ acme: acmeSchema }),
]);
export type TlsConfig = z.infer<typeof tlsSchema>;

/** The server's configuration, described in docs/configuration.md. */
export const configSchema = z.strictObject({
  /** Address to listen on. */
  host: z
    .string()
    .refine((host) => host === "localhost" || isIP(host) !== 0, "must be an IP address or localhost")
    .default("127.0.0.1"),
  /** 0: any free port. */
  port: z.int().min(0).max(65_535).default(7777),
  /** Where everything is kept. */
  dataDir: z.string().min(1).default(defaultDataDir),
  /** Origin at which clients reach the server, if it differs from the address it listens on. */
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .transform((url) => new URL(url).origin)
    .optional(),
  /** Additional names and addresses for the local CA's certificate; the server finds its own itself. */
  hostnames: z.array(z.string().min(1).max(253)).default([]),
  tls: tlsSchema.default("auto"),
  /** Three letters, part of every sandbox's id. Clients assume `ord`. */
  region: z.string().regex(REGION, "three lowercase letters").default("ord"),
  /** Slug of the organisation that is created on the first start. */
  organisation: z
    .string()
    .regex(/^[a-z0-9-]{2,32}$/)
    .default("default"),
  limits: limitsSchema.prefault({}),
  /** Volumes and snapshots. */
  storage: storageSchema.prefault({}),
  apps: appsSchema.prefault({}),
  events: z
    .strictObject({
      /** How long events and stopped sandboxes are kept. */
      retentionDays: z.number().positive().default(30),
      /** Number of events kept per organisation, the newest ones. */
      maxEvents: z.int().min(1).default(1_000_000),
      /** Number of requests, connections and DNS queries kept per sandbox, the newest ones. */
      maxEgressPerSandbox: z.int().min(1).default(100_000),
    })
    .prefault({}),
  /** Settings of the egress proxy. */
  egress: egressSchema.prefault({}),
  /** Addresses of servers in sandboxes. */
  doors: z
    .strictObject({
      /** They are named `NAME.<domain>`; the domain and all names in it must lead to this server. */
      domain: z
        .string()
        .max(180)
        .regex(
          /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
          "a domain name in lowercase letters",
        )
        .default("localhost"),
      /** Port at which visitors reach this server; absent: that of `publicUrl`, or the one that it listens on. */
      publicPort: z.int().min(1).max(65_535).optional(),
    })
    .prefault({}),
  /** Logins to sandboxes by SSH. */
  ssh: z
    .strictObject({
      /** Port to listen on. Auto: 7722, or any if that is taken or `port` is 0. Null: nobody can log in. */
      port: z
        .union([z.literal("auto"), z.int().min(0).max(65_535)])
        .nullable()
        .default("auto"),
      /** Host name or address for clients. Null: that of `publicUrl`, or the one that the server listens on. */
      hostname: z.string().min(1).max(253).nullable().default(null),
      /** Port for clients, if another leads here. */
      publicPort: z.int().min(1).max(65_535).nullable().default(null),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info") })
    .prefault({}),
  /** Settings of the machine engine; the host package checks them. */
  engine: z.record(z.string(), z.unknown()).default({}),
});

/** A complete configuration. */
export type Config = z.output<typeof configSchema>;
/** A configuration as people write it: everything has a default. */
export type ConfigInput = z.input<typeof configSchema>;

/** Limits that clients can see. */
export function publicLimits({ limits, storage }: Pick<Config, "limits" | "storage">): Record<string, number> {
  return {
    sandboxesPerOrganisation: limits.sandboxesPerOrganisation,
    pausedPerOrganisation: limits.pausedPerOrganisation,
    maxLifetimeMs: limits.maxLifetimeMs,
    messageBytes: limits.messageBytes,
    bodyBytes: limits.bodyBytes,
    connectionsPerSandbox: limits.connectionsPerSandbox,
    minMemoryMiB: MEMORY_MIB.min,
    maxMemoryMiB: MEMORY_MIB.max,
    minVolumeBytes: MIN_CAPACITY_BYTES,
    maxVolumeBytes: storage.maxVolumeBytes,
    volumesPerOrganisation: storage.volumesPerOrganisation,
    snapshotsPerOrganisation: storage.snapshotsPerOrganisation,
    storageBytesPerOrganisation: storage.bytesPerOrganisation,
  };
}
