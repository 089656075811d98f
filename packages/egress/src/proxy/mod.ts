/** The proxy: what happens to connections of guests. */
export { authorityPem, loadAuthority } from "./authority.ts";
export * from "./flow.ts";
export { guestAuthorities } from "./guest-trust.ts";
export { serveFlow } from "./serve.ts";
export { openShared } from "./shared.ts";
