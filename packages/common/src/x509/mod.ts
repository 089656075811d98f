/** Certificates. A separate entry, because loading the library that creates them takes longer than most commands. */
export { type Authority, authorityFrom, createAuthority, type LoadOptions, loadAuthority } from "./authority.ts";
export { keyPem, newKeyPair } from "./keys.ts";
export { issueServerCertificate, type ServerCertificateOptions } from "./server-certificate.ts";
export { DAY_MS } from "./validity.ts";
