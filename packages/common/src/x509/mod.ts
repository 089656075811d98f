/** Certificates. A separate entry, because loading the library that creates them takes longer than most commands. */
export { type Authority, authorityFrom, createAuthority, type LoadOptions, loadAuthority } from "./authority.ts";
export { ALGORITHM, keyPem, newKeyPair } from "./keys.ts";
export { LeafCertificates } from "./leaf-certificates.ts";
export { x509 } from "./library.ts";
export { issueServerCertificate, type ServerCertificateOptions } from "./server-certificate.ts";
export { DAY_MS, validFor } from "./validity.ts";
