/** Egress: the only way out of a sandbox. */
export * from "./contract.ts";
export * from "./policy/mod.ts";
