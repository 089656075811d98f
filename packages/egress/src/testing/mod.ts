/** For tests and measurements in other packages: a guest without a machine, and certificates from a CA of their own. */
export { loadAuthority } from "../proxy/tls/authority.ts";
export { FakeGuest, FlowRefused } from "./guest.ts";
export { fc, property, seed } from "./property.ts";
export { Random } from "./random.ts";
