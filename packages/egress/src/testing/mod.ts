/** For tests and measurements in other packages: a guest without a machine, and certificates of an authority made for the purpose. */
export { loadAuthority } from "../proxy/authority.ts";
export { LeafCertificates } from "../proxy/leaf.ts";
export { FakeGuest, FlowRefused } from "./guest.ts";
