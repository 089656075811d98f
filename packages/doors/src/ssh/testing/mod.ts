/** For tests in other packages: OpenSSH's programs, which ask nobody anything. */
export { type Ended, ended, OPTIONS, runSsh, startSsh, startSshOnTerminal } from "./openssh.ts";
