export * from "./contract.ts";
export * from "./guest/contract.ts";
