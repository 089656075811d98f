import { join } from "node:path";
import type { Tools } from "./check.ts";

/** Where the tools' module is; it is one of its own, so that the agent's does not depend on them. */
const MODULE = "scripts/go-tools";

const PACKAGES = {
  staticcheck: "honnef.co/go/tools/cmd/staticcheck",
};

/** Go may be told by a module to be of a newer version, which it then fetches. */
export const GO_ENVIRONMENT: NodeJS.ProcessEnv = { ...process.env, GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? "auto" };

/** Builds a tool that is written in Go, at the version in the tools' module, unless it is there. @returns its path */
export async function goTool({ root, output }: Tools, name: keyof typeof PACKAGES): Promise<string> {
  const directory = join(root, "node_modules", ".cache", "go-tools");
  await output("go", ["install", PACKAGES[name]], { directory: MODULE, env: { ...GO_ENVIRONMENT, GOBIN: directory } });
  return join(directory, name);
}
