import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Creates an executable in a directory: a script for `sh`. */
export function addProgram(dir: string, name: string, script: string): void {
  const file = join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}
