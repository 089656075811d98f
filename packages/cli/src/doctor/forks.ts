import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { imagesOf } from "../paths.ts";
import type { Check } from "./check.ts";

/** How machines are forked and paused, as the server determined at the first fork; nothing before that. */
export const checkForks: Check = async ({ dataDir, env }) => {
  const verdicts = (await readFile(join(imagesOf(dataDir, env), "forks.json"), "utf8").then(
    JSON.parse,
    () => ({}),
  )) as Record<string, { method: string; reason: string }>;
  const last = Object.values(verdicts).at(-1);
  if (!last) return [];
  if (last.method === "copy") return [{ name: "forks", verdict: "ok", detail: `fast: ${last.reason}` }];
  return [
    {
      name: "forks",
      verdict: "warn",
      detail: `slow, by QEMU's migration: ${last.reason}`,
      repair: "after a change of QEMU, run sandkeep doctor --recheck",
    },
  ];
};
