/** Secrets: sealed in the store, opened in the proxy, put in on the way out, turned back on the way in. */
export * from "./coding.ts";
export * from "./limits.ts";
export * from "./placeholder.ts";
export * from "./placeholder-form.ts";
export { SearchLimitError } from "./probe.ts";
export { type Found, type RedactionOptions, Redactor } from "./redact.ts";
export { type PausingScanner, type Scanner, ScannerTransform } from "./scanner.ts";
export * from "./seal.ts";
export * from "./secret.ts";
export { type Substituted, substituteHeaders, substituteQuery } from "./substitute.ts";
export * from "./substitute-body.ts";
