import { join } from "node:path";
import type { Tools } from "./check.ts";

/** Folder of the tools' Go module, which is separate so that the agent's does not depend on them. */
const MODULE = "scripts/go-tools";

const PACKAGES = {
  staticcheck: "honnef.co/go/tools/cmd/staticcheck",
};

/** A module may require a newer Go, which Go then downloads. */
export const GO_ENVIRONMENT: NodeJS.ProcessEnv = { ...process.env, GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? "auto" };

/** Builds a tool written in Go, at the version in the tools' module, unless it exists. @returns its path */
export async function goTool({ root, output }: Tools, name: keyof typeof PACKAGES): Promise<string> {
  const directory = join(root, "node_modules", ".cache", "go-tools");
  await output("go", ["install", PACKAGES[name]], { directory: MODULE, env: { ...GO_ENVIRONMENT, GOBIN: directory } });
  return join(directory, name);
}
