/** Certificates of a server. A separate entry, because loading the library that creates them takes longer than most commands. */
export {
  AcmeCertificates,
  type AcmeOptions,
  type AcmeSurroundings,
  type ChallengeOptions,
} from "./acme/acme-certificates.ts";
export { type CertificateFile, FileCertificates } from "./files.ts";
export { LocalCertificates, type LocalOptions } from "./local/local-certificates.ts";
export { certificateOptions, useCertificates } from "./server.ts";
