/** Policy: what a sandbox may reach, and the one way in which names, addresses and patterns are read. Pure, without I/O. */
export * from "./address.ts";
export { PolicyError } from "./error.ts";
export * from "./host.ts";
export * from "./judgement.ts";
export * from "./matcher.ts";
export * from "./name.ts";
export * from "./path.ts";
export * from "./pattern.ts";
export * from "./policy.ts";
export * from "./range.ts";
export { RateWindow } from "./rate.ts";
export * from "./rule-book.ts";
export * from "./rules.ts";
export * from "./schema.ts";
