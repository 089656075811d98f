export * from "./contract.ts";
export * from "./guest/contract.ts";
export { GuestClient, type GuestEnd } from "./guest/client.ts";
export { encodeFrames, type Frame, FrameReader } from "./guest/frames.ts";
export { exitStatusSchema, walkEntrySchema } from "./guest/schema.ts";
export { createHost, type HostOptions } from "./host.ts";
export type { Log } from "./log.ts";
export * from "./image/mod.ts";
