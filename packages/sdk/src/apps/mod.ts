export type * from "./app-config.ts";
export type * from "./apps.ts";
export type * from "./common.ts";
export type * from "./deploy.ts";
export type * from "./layers.ts";
export type * from "./revision-progress.ts";
export type * from "./revisions.ts";
export type * from "./timelines.ts";
