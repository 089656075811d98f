/** Volumes and snapshots: their REST resources, sizes, mounts and events. */
export * from "./capacity.ts";
export * from "./events.ts";
export * from "./mounts.ts";
export * from "./resources.ts";
