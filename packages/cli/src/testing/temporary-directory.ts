import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** A directory that is removed after the tests of this file. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), "sandkeep-cli-"));
  after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
