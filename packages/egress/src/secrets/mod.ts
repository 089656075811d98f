/** Secrets: sealed in the store, decrypted in the proxy, substituted in requests, redacted in responses. */

export * from "./limits.ts";
export * from "./placeholder.ts";
export * from "./placeholder-form.ts";
export * from "./redaction/coding.ts";
export { type Found, type RedactionOptions, Redactor } from "./redaction/redact.ts";
export * from "./seal.ts";
export { SearchLimitError } from "./search/probe.ts";
export { type PausingScanner, type Scanner, ScannerTransform } from "./search/scanner.ts";
export * from "./secret.ts";
export { type Substituted, substituteHeaders, substituteQuery } from "./substitution/substitute.ts";
export * from "./substitution/substitute-body.ts";
