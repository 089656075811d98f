/** Ways into a sandbox from outside: HTTP, SSH, VS Code and the web terminal; and the gateway that they share with the API. */
export { type DoorStream, type HttpDoor, type HttpDoors, NotWoken } from "./contract.ts";
export { Listener, type ListenerOptions } from "./gateway/listener.ts";
export { refuse } from "./gateway/refusal.ts";
export { hostName, requestedName, type Site, Sites } from "./gateway/sites.ts";
export { newTraceId, TRACE_HEADER } from "./gateway/trace.ts";
export { DoorSite } from "./http/door-site.ts";
export * from "./ssh/contract.ts";
export { type HostKey, hostKey } from "./ssh/keys/host-key.ts";
export { isAuthorizedKey, SshServer } from "./ssh/server.ts";
export type { SshServerOptions } from "./ssh/services.ts";
export type { Farewell, TerminalDoor, TerminalInvitation, TerminalReport } from "./terminal/contract.ts";
export { CLOSE as TERMINAL_CLOSE } from "./terminal/messages.ts";
export { TERMINAL_PATH, TerminalSite } from "./terminal/site.ts";
export { Terminals } from "./terminal/terminals.ts";
export type { CertificatePair, CertificateState, Certificates } from "./tls/contract.ts";
export { TOKEN_PARAMETER } from "./tokens/presented.ts";
