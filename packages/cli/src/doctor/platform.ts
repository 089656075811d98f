import { readFile } from "node:fs/promises";
import { arch, platform, release } from "node:os";
import type { Check } from "./check.ts";

/** The operating system and the Node.js that runs this. */
export const checkPlatform: Check = async () => {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(await readFile("/etc/os-release", "utf8").catch(() => ""))?.[1];
  const right = platform() === "linux" && arch() === "x64";
  return [
    {
      name: "system",
      verdict: right ? "ok" : "fail",
      detail: `${name ?? platform()}, kernel ${release()}, ${arch()}`,
      ...(!right && { repair: "use Linux on x86-64, such as Debian 12 or 13" }),
    },
    { name: "node", verdict: "ok", detail: `${process.version} (pinned, from npm)` },
  ];
};
