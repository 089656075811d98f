import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "./runner/check.ts";
import { sources } from "./runner/sources.ts";

/** Long enough for the first line of a script. */
const HEAD_BYTES = 64;

/** Every shell script, whatever its name. */
export const shell: Check = {
  name: "lint of shell scripts",
  run: async (tools) => {
    const scripts = (await sources(tools)).filter((file) => file.endsWith(".sh") || isScript(join(tools.root, file)));
    if ((await tools.execute(join(tools.root, "scripts/setup"), ["--development"])) !== 0) return false;
    const code = await tools.execute("shellcheck", ["--external-sources", "--source-path=SCRIPTDIR", ...scripts]);
    if (code === null) tools.say("shellcheck did not run; install what scripts/debian-packages-for-development lists");
    return code === 0 && scripts.length > 0;
  },
};

/** Whether a file begins as a shell script does. */
function isScript(file: string): boolean {
  const head = Buffer.alloc(HEAD_BYTES);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, head, 0, HEAD_BYTES, 0);
  } finally {
    closeSync(descriptor);
  }
  return /^#!.*\b(?:ba|da)?sh\b/.test(head.toString("latin1"));
}
