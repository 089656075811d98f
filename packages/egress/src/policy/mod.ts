/** Policy: what a sandbox may reach, and the only parsers for names, addresses and patterns. Pure, without I/O. */

export * from "./decision.ts";
export { PolicyError } from "./error.ts";
export * from "./hosts/address.ts";
export * from "./hosts/host.ts";
export * from "./hosts/matcher.ts";
export * from "./hosts/name.ts";
export * from "./hosts/pattern.ts";
export * from "./hosts/range.ts";
export * from "./policy.ts";
export * from "./rules/path.ts";
export { RateWindow } from "./rules/rate.ts";
export * from "./rules/rule-book.ts";
export * from "./rules/rules.ts";
export * from "./schema.ts";
