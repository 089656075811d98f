import type { Check, Tools } from "./runner/check.ts";
import { GO_ENVIRONMENT, goTool } from "./runner/go-tool.ts";

/** The guest's agent: gofmt, vet and staticcheck. */
export const go: Check = {
  name: "format and lint of Go",
  run: async (tools) => (await formatted(tools)) && (await vetted(tools)),
  fix: async ({ execute }) => void (await execute("gofmt", ["-w", "guest", "scripts/go-tools"])),
};

async function formatted({ output, say }: Tools): Promise<boolean> {
  const files = await output("gofmt", ["-l", "guest", "scripts/go-tools"]);
  if (files !== "") say(`not as gofmt has it (npm run fix repairs it):\n${files}`);
  return files === "";
}

async function vetted(tools: Tools): Promise<boolean> {
  const options = { directory: "guest", env: GO_ENVIRONMENT };
  const vet = await tools.execute("go", ["vet", "./..."], options);
  const staticcheck = await tools.execute(await goTool(tools, "staticcheck"), ["./..."], options);
  return vet === 0 && staticcheck === 0;
}
