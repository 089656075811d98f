/** Jails for processes that parse hostile input: QEMU and the egress proxy. */
export { become, hasCapability } from "./become.ts";
export { CLOSE_OTHERS, withOnly } from "./close-others.ts";
export { giveInputs } from "./give-inputs.ts";
export { type Jail, type JailFiles, type JailKind, type JailPlan, REPORT_FD } from "./jail.ts";
export { killGroup } from "./kill-group.ts";
export { endAll, findStarted } from "./left-behind.ts";
export { openJail } from "./open-jail.ts";
export { attributesFilter } from "./seccomp/attributes.ts";
export { type Architecture, seccompFilter } from "./seccomp/filter.ts";
export { type JailedChild, OWN_FD, startJailed } from "./start.ts";
export { type JailUser, JailUsers, MACHINE_USERS, PROXY_USERS } from "./users.ts";
