/** The client-facing contract: errors, configuration, ids, REST resources, events, and the RPC methods. */
export * from "./config.ts";
export * from "./doors/doors.ts";
export * from "./doors/ssh.ts";
export * from "./duration.ts";
export * from "./egress/egress.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./ids.ts";
export * from "./labels.ts";
export * from "./lifetime.ts";
export * from "./limits.ts";
export * from "./resources.ts";
export * from "./rpc/mod.ts";
export * from "./scopes.ts";
export * from "./slug.ts";
export * from "./storage/mod.ts";
export * from "./validation.ts";
