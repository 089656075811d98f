/** Apps, layers, revisions and timelines: their REST resources and requests, and their events. */
export * from "./env-vars.ts";
export * from "./events.ts";
export * from "./requests.ts";
export * from "./resources.ts";
export * from "./revisions.ts";
