import { join } from "node:path";
import { tool } from "./command.ts";

/** Builds a program from one file, statically linked. */
export async function buildGo(source: string, into: string): Promise<string> {
  const program = join(into, "program");
  await tool("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", program, source], {
    env: { CGO_ENABLED: "0", GOTOOLCHAIN: "local" },
  });
  return program;
}
