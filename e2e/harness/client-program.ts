import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Sdk } from "./sdk.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** Time limit, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** Runs a separate program that uses the client: its body gets a new `sandbox`, and the module as `sdk`. */
export async function runClient(sdk: Sdk, body: string): Promise<{ stdout: string; stderr: string; code: number }> {
  // Beside the harness, so that packages are found.
  const folder = await mkdtemp(join(HERE, ".program-"));
  try {
    const file = join(folder, "program.mjs");
    await writeFile(
      file,
      `
      import * as sdk from ${JSON.stringify(sdk.name)};
      await using sandbox = await sdk.Sandbox.create();
      ${body}
    `,
    );
    return await new Promise((resolve) => {
      execFile(
        process.execPath,
        ["--conditions=sandkeep-source", "--unhandled-rejections=strict", file],
        { timeout: TIMEOUT_MS },
        (error, stdout, stderr) => {
          resolve({ stdout, stderr, code: typeof error?.code === "number" ? error.code : error ? -1 : 0 });
        },
      );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
