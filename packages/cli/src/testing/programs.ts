import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Puts an executable into a directory: a script of `sh`. */
export function addProgram(dir: string, name: string, script: string): void {
  const file = join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}
