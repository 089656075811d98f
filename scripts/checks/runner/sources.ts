import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Tools } from "./check.ts";

/** Files of the repository as Git lists them, including new ones. @param patterns Git pathspecs */
export async function sources({ root, output }: Tools, ...patterns: string[]): Promise<string[]> {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...patterns];
  const files = (await output("git", args)).split("\n");
  return files.filter((file) => file !== "" && existsSync(join(root, file))).sort();
}
