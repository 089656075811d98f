/** The proxy proper: serves the TCP connections of guests. */

export * from "./connection/flow.ts";
export { openShared } from "./connection/shared.ts";
export { serveFlow } from "./serve.ts";
export { authorityPem, loadAuthority } from "./tls/authority.ts";
export { loadGuestCas } from "./tls/guest-cas.ts";
export { readUpstreamCas } from "./tls/upstream-cas.ts";
