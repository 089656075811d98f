import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { tool } from "./command.ts";

/** Archives of published packages, such as `left-pad@1.3.0`, from this computer's npm unless they are cached. */
export async function npmArchives(packages: string[]): Promise<string[]> {
  const dir = await cached("npm", { packages }, async (into) => {
    await tool("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", into, ...packages], { cwd: into });
  });
  return (await readdir(dir)).sort().map((name) => join(dir, name));
}
