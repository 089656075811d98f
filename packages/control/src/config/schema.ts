import { isIP } from "node:net";
import { MEMORY_MIB, REGION } from "@sandkeep/protocol";
import { RPC_LIMITS } from "@sandkeep/rpc";
import { z } from "zod";
import { defaultDataDir } from "./data-dir.ts";
import { egressSchema } from "./egress.ts";

const MINUTE_MS = 60_000;
const MiB = 1024 * 1024;

/** What an installation may limit. Times in milliseconds, sizes in bytes. */
export const limitsSchema = z.strictObject({
  /** Sandboxes that one organisation may have at once, those being created included. */
  sandboxesPerOrganisation: z.int().min(1).default(100),
  /** Longest life of a sandbox with a duration, and the furthest that one `extend` reaches from now. The platform has 30 minutes. */
  maxLifetimeMs: z
    .int()
    .min(1_000)
    .default(30 * MINUTE_MS),
  /** A sandbox that is not ready by then is given up. A first one may have to wait for its template. */
  createTimeoutMs: z
    .int()
    .min(100)
    .default(2 * MINUTE_MS),
  /**
   * A client of which nothing is heard for so long, and whose computer acknowledges nothing it is sent, is gone. It is asked
   * after half of it.
   */
  silentClientMs: z.int().min(500).default(15_000),
  /** A client whose computer acknowledges what it is sent may be busy for so long: with a build, say, in its only thread. */
  busyClientMs: z
    .int()
    .min(500)
    .default(3 * MINUTE_MS),
  /** Connections to one sandbox at once. */
  connectionsPerSandbox: z.int().min(1).default(64),
  /** TCP connections to the server at once. */
  connections: z.int().min(1).default(4_096),
  /** One WebSocket message from a client: JavaScript's sends a whole file as one, in base64. */
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
  /** How long a stop of the server may take before it gives up waiting. */
  stopTimeoutMs: z.int().min(100).default(20_000),
});
export type Limits = z.infer<typeof limitsSchema>;

const tlsSchema = z.union([
  /** Plain HTTP on loopback, the local CA elsewhere. */
  z.literal("auto"),
  /** Plain HTTP, for instance behind a reverse proxy. */
  z.literal(false),
  /** A certificate of a CA that is made in the data directory. */
  z.literal("local-ca"),
  /** PEM files. */
  z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1) }),
]);
export type TlsConfig = z.infer<typeof tlsSchema>;

/** The server's configuration; docs/configuration.md says the same in words. */
export const configSchema = z.strictObject({
  /** Address to listen on. */
  host: z
    .string()
    .refine((host) => host === "localhost" || isIP(host) !== 0, "must be an IP address or localhost")
    .default("127.0.0.1"),
  /** 0: any free one. */
  port: z.int().min(0).max(65_535).default(7777),
  /** Where everything is kept. */
  dataDir: z.string().min(1).default(defaultDataDir),
  /** Origin under which clients reach the server, if that is not the address it listens on. */
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .transform((url) => new URL(url).origin)
    .optional(),
  /** Names and addresses for the local CA's certificate, besides those that the server finds itself. */
  hostnames: z.array(z.string().min(1).max(253)).default([]),
  tls: tlsSchema.default("auto"),
  /** Three letters, part of every sandbox's id. `ord` is what clients take for granted. */
  region: z.string().regex(REGION, "three lowercase letters").default("ord"),
  /** Slug of the organisation that is made at the first start. */
  organisation: z
    .string()
    .regex(/^[a-z0-9-]{2,32}$/)
    .default("default"),
  limits: limitsSchema.prefault({}),
  events: z
    .strictObject({
      /** Events, and sandboxes that have stopped, are kept so long. */
      retentionDays: z.number().positive().default(30),
      /** Of each organisation's events, so many of the newest are kept. */
      maxEvents: z.int().min(1).default(1_000_000),
      /** Of one sandbox's requests, connections and DNS queries, so many of the newest are kept. */
      maxEgressPerSandbox: z.int().min(1).default(100_000),
    })
    .prefault({}),
  /** Settings of the egress proxy. */
  egress: egressSchema.prefault({}),
  log: z
    .strictObject({ level: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info") })
    .prefault({}),
  /** Settings of the machine engine; the host package checks them. */
  engine: z.record(z.string(), z.unknown()).default({}),
});

/** A complete configuration. */
export type Config = z.output<typeof configSchema>;
/** A configuration as it is written: everything has a default. */
export type ConfigInput = z.input<typeof configSchema>;

/** Limits that clients can see, with those of the platform. */
export function publicLimits(limits: Limits): Record<string, number> {
  return {
    sandboxesPerOrganisation: limits.sandboxesPerOrganisation,
    maxLifetimeMs: limits.maxLifetimeMs,
    messageBytes: limits.messageBytes,
    bodyBytes: limits.bodyBytes,
    connectionsPerSandbox: limits.connectionsPerSandbox,
    minMemoryMiB: MEMORY_MIB.min,
    maxMemoryMiB: MEMORY_MIB.max,
  };
}
