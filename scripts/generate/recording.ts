/**
 * Records docs/recording.svg, the terminal in README.md, from a real run:
 *
 *   node scripts/generate/recording.ts
 *
 * Nothing is made up: the output and the duration of each command are real. No network is needed.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { drawSession } from "./recording/draw.ts";
import { COMMANDS, TITLE } from "./recording/session.ts";
import { recordShell } from "./recording/shell.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
// First without recording, to build what is missing and start the server.
execFileSync("./sandkeep", ["run", "--quiet", "--", "true"], { cwd: root, stdio: "inherit" });
const steps = await recordShell([...COMMANDS, "./sandkeep kill $id"], { cwd: root, env: process.env });
writeFileSync(
  new URL("../../docs/recording.svg", import.meta.url),
  drawSession(TITLE, steps.slice(0, COMMANDS.length)),
);
