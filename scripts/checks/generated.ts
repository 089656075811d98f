import type { Check, Tools } from "./runner/check.ts";

const generate = ({ execute }: Tools, ...args: string[]) =>
  execute(process.execPath, ["--conditions=sandkeep-source", "scripts/generate/main.ts", ...args]);

/** Generated pages match the code. */
export const generated: Check = {
  name: "generated pages",
  run: async (tools) => (await generate(tools, "--check")) === 0,
  fix: async (tools) => void (await generate(tools)),
};
