import { type ChildProcess, type IOType, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { giveInputs } from "./give-inputs.ts";
import { type Jail, REPORT_FD } from "./jail.ts";
import { readJailedPid } from "./report.ts";

/** The first of a process's own descriptors. The jail's follow them, from the plan's `firstDescriptor` on. */
export const OWN_FD = REPORT_FD + 1;

export interface JailedStart {
  jail: Jail;
  /** The command line: {@link Jail.wrap}, and whatever comes before it. */
  command: readonly string[];
  /** The process's own descriptors, as `spawn` takes them. */
  own?: readonly (IOType | number)[];
  /** What becomes of its output; by default it is ignored. */
  output?: "pipe" | "ignore";
}

export interface JailedChild {
  /** The command line's process, in a group of its own: see {@link killGroup}. Its error output is piped. */
  child: ChildProcess;
  /** The process's pid as seen from outside: of the command line, or what the jail reports. */
  pid: Promise<number>;
}

/** Starts a process in its jail. @throws `EMFILE` if no descriptors are left */
export function startJailed({ jail, command, own = [], output = "ignore" }: JailedStart): JailedChild {
  const [file, ...args] = command;
  const report = jail.reportsPid ? "pipe" : "ignore";
  const inputs = jail.inputs.map(() => "pipe" as const);
  const child = spawn(file!, args, {
    stdio: ["ignore", output, "pipe", report, ...own, ...jail.descriptors, ...inputs],
    detached: true,
  });
  // Whoever waits for its end learns of it, too.
  child.on("error", () => {});
  // Node makes no streams then, and says so only later.
  if ((child.stdio as unknown) === undefined)
    throw Object.assign(new Error("This process has no descriptors left to start another one."), { code: "EMFILE" });
  giveInputs(child, jail, OWN_FD + own.length);
  const pid = jail.reportsPid ? readJailedPid(child.stdio[REPORT_FD] as Readable) : Promise.resolve(child.pid!);
  pid.catch(() => {});
  return { child, pid };
}
