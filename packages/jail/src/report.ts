import type { Readable } from "node:stream";

/** Size limit of the jail's report, which has about a hundred bytes. */
const MAX_REPORT_CHARS = 4 * 1024;

/** Reads the jail's report: the process's pid as JSON, as seen from outside. */
export function readJailedPid(report: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    report.setEncoding("utf8");
    // Read until the end, when the process exits: the jail keeps writing after the pid, and closing our end would kill
    // it with SIGPIPE.
    report.on("data", (part: string) => {
      text = (text + part).slice(0, MAX_REPORT_CHARS);
      const pid = /"child-pid"\s*:\s*(\d+)/.exec(text)?.[1];
      if (pid) resolve(Number(pid));
    });
    report.on("close", () => reject(new Error("The jail did not report a process.")));
    report.on("error", reject);
  });
}
