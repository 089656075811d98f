/** Ways into a sandbox from outside: HTTP, SSH, VS Code and the web terminal. */
export type { DoorStream, HttpDoor, HttpDoors } from "./contract.ts";
export type { CertificateState, Certificates } from "./tls/contract.ts";
