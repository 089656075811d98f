/** Egress: the only way out of a sandbox. */
export * from "./contract.ts";
export * from "./hooks.ts";
export * from "./policy/mod.ts";
export { authorityPem, loadGuestCas } from "./proxy/mod.ts";
export {
  MAX_VALUE_BYTES,
  newPlaceholder,
  PlaceholderError,
  PlaceholderForm,
  SealError,
  Sealer,
} from "./secrets/mod.ts";
export { EgressProxies, type EgressProxiesOptions } from "./supervisor/proxies.ts";
