import { z } from "zod";
import { appEventShapes as apps } from "./apps/events.ts";
import { doorEventShapes as doors } from "./doors/doors.ts";
import { sshEventShapes as ssh } from "./doors/ssh.ts";
import { terminalEventShapes as terminal } from "./doors/terminal.ts";
import { connectionShape, dnsShape, egressChangedShape, httpShape } from "./egress/events.ts";
import { scopeSchema } from "./scopes.ts";
import { storageEventShapes as storage } from "./storage/events.ts";

/**
 * Everything that happens in a sandbox or to it is an event: who did what to which sandbox, when, and how it went.
 * New kinds are added over time: a reader must ignore the ones that it does not know.
 */

/** Who caused it. */
export const actorSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("token"), id: z.string(), name: z.string() }),
  /** The server itself, such as a timeout. */
  z.object({ kind: z.literal("system") }),
  /** The machine, such as a guest that powered off. */
  z.object({ kind: z.literal("machine") }),
  /** Somebody who has come through a door. */
  z.object({ kind: z.literal("visitor"), remote: z.string() }),
]);
export type Actor = z.infer<typeof actorSchema>;

/** How it went: succeeded, failed, or was refused. */
export const outcomeSchema = z.enum(["ok", "failed", "denied"]);
export type Outcome = z.infer<typeof outcomeSchema>;

/** Why a sandbox ended. */
export const stopReasonSchema = z.enum([
  /** Somebody asked for it. */
  "killed",
  /** Its time was up. */
  "timeout",
  /** A session's creator closed its connection. */
  "client-closed",
  /** A session's creator was unresponsive for too long. */
  "client-silent",
  /** No client was connected for the time that it may be idle. */
  "idle",
  /** The guest powered off or restarted itself. */
  "powered-off",
  /** The virtual machine monitor crashed. */
  "crashed",
  /** The guest broke its contract. */
  "garbage",
  /** The server was stopped. */
  "server-stopped",
  /** The server had ended without stopping the sandbox; its next start found it gone, or had no reason to keep it. */
  "server-restarted",
]);
export type StopReason = z.infer<typeof stopReasonSchema>;

/** Why a sandbox was paused: somebody asked for it, or it would have ended otherwise. */
export const pauseReasonSchema = z.enum([
  "requested",
  "idle",
  "timeout",
  "client-closed",
  "client-silent",
  "server-stopped",
]);
export type PauseReason = z.infer<typeof pauseReasonSchema>;

const of = <Kind extends string, Shape extends z.core.$ZodLooseShape>(kind: Kind, data: Shape) =>
  z.object({ kind: z.literal(kind), outcome: outcomeSchema, data: z.object(data) });

/** What a sandbox's connections report: their part of an event. */
export const activitySchema = z.discriminatedUnion("kind", [
  /** A process ended (or could not start). `argv[0]` is the command. */
  of("command", {
    argv: z.array(z.string()),
    cwd: z.string().nullable(),
    pid: z.number().nullable(),
    /** 128 + n when signal n ended it; null when it never started or its end was not seen. */
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
    oom: z.boolean(),
    durationMs: z.number(),
    /** Why it could not start. */
    error: z.string().optional(),
  }),
  /** A file was written through the API (not by a process). */
  of("file.written", {
    path: z.string(),
    bytes: z.number().nullable(),
    method: z.string(),
    error: z.string().optional(),
  }),
]);
/** See {@link activitySchema}. */
export type Activity = z.infer<typeof activitySchema>;

/** Traffic that leaves a sandbox, or tries to. The machine's host reports it when it has ended. */
export const egressActivitySchema = z.discriminatedUnion("kind", [
  of("http", httpShape),
  of("connection", connectionShape),
  of("dns", dnsShape),
]);
export type EgressActivity = z.infer<typeof egressActivitySchema>;
/** Its kinds. There can be many more of these than of all others. */
export const EGRESS_KINDS = ["http", "connection", "dns"] as const satisfies EgressActivity["kind"][];

const lifecycleSchema = z.discriminatedUnion("kind", [
  of("sandbox.created", {
    memoryMiB: z.number(),
    /** Epoch milliseconds; null for a session. */
    stopAtMs: z.number().nullable(),
    labels: z.record(z.string(), z.string()),
    /** The sandbox that it was forked from. */
    parent: z.string().optional(),
    /** From the request to the machine's readiness. */
    durationMs: z.number(),
    /** Code of the error, if it failed. */
    error: z.string().optional(),
  }),
  of("sandbox.stopped", { why: stopReasonSchema, detail: z.string().optional(), lifetimeMs: z.number() }),
  /** Of the parent. Each child has its `sandbox.created`. */
  of("sandbox.forked", { children: z.array(z.string()), durationMs: z.number(), error: z.string().optional() }),
  of("sandbox.paused", { why: pauseReasonSchema, durationMs: z.number(), error: z.string().optional() }),
  of("sandbox.resumed", {
    /** Epoch milliseconds; null for a session. */
    stopAtMs: z.number().nullable(),
    /** How long it was paused. */
    pausedMs: z.number(),
    durationMs: z.number(),
    error: z.string().optional(),
  }),
  of("sandbox.extended", { requestedStopAtMs: z.number(), stopAtMs: z.number() }),
  /** The server was restarted and took over a running sandbox. */
  of("sandbox.adopted", {
    /** Epoch milliseconds; null for a session that was being paused. */
    stopAtMs: z.number().nullable(),
  }),
  of("connection.opened", { connection: z.string(), role: z.enum(["creator", "joined"]), remote: z.string() }),
  of("connection.closed", { connection: z.string(), code: z.number(), reason: z.string(), durationMs: z.number() }),
  of("egress.changed", egressChangedShape),
  of("door.opened", doors["door.opened"]),
  of("door.closed", doors["door.closed"]),
  of("ssh.login", ssh["ssh.login"]),
  of("ssh.logout", ssh["ssh.logout"]),
  of("ssh.process", ssh["ssh.process"]),
  of("ssh.forward", ssh["ssh.forward"]),
  of("ssh.listen", ssh["ssh.listen"]),
  of("terminal.opened", terminal["terminal.opened"]),
  of("terminal.resumed", terminal["terminal.resumed"]),
  of("terminal.closed", terminal["terminal.closed"]),
  of("token.created", { token: z.string(), name: z.string(), scope: scopeSchema.optional() }),
  of("token.revoked", { token: z.string(), name: z.string() }),
  of("volume.created", storage["volume.created"]),
  of("volume.grown", storage["volume.grown"]),
  of("volume.attached", storage["volume.attached"]),
  of("volume.detached", storage["volume.detached"]),
  of("volume.deleted", storage["volume.deleted"]),
  of("volume.restored", storage["volume.restored"]),
  of("volume.removed", storage["volume.removed"]),
  of("snapshot.created", storage["snapshot.created"]),
  of("snapshot.exported", storage["snapshot.exported"]),
  of("snapshot.deleted", storage["snapshot.deleted"]),
  of("snapshot.restored", storage["snapshot.restored"]),
  of("snapshot.removed", storage["snapshot.removed"]),
  of("app.created", apps["app.created"]),
  of("app.updated", apps["app.updated"]),
  of("app.deleted", apps["app.deleted"]),
  of("app.switched", apps["app.switched"]),
  of("layer.created", apps["layer.created"]),
  of("layer.updated", apps["layer.updated"]),
  of("layer.deleted", apps["layer.deleted"]),
  of("revision.deployed", apps["revision.deployed"]),
  of("revision.deleted", apps["revision.deleted"]),
  of("instance.started", apps["instance.started"]),
  of("instance.crashed", apps["instance.crashed"]),
]);

/** An event without what the server adds: id, time, organisation, sandbox, actor. */
export type EventBody = Activity | EgressActivity | z.infer<typeof lifecycleSchema>;
export type EventKind = EventBody["kind"];

const stamp = {
  /** Sorts by time; unique. */
  id: z.string(),
  /** ISO 8601. */
  time: z.string(),
  /** Slug of the organisation. */
  org: z.string(),
  sandbox: z.string().nullable(),
  actor: actorSchema,
};

/** An event as the API returns it. */
export const eventSchema = z.intersection(
  z.object(stamp),
  z.union([activitySchema, egressActivitySchema, lifecycleSchema]),
);
/** See {@link eventSchema}. */
export type SandboxEvent = { [Key in keyof typeof stamp]: z.infer<(typeof stamp)[Key]> } & EventBody;
