import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Installing takes seconds; the limit allows for a slow network. Milliseconds. */
const TIMEOUT_MS = 300_000;

/** Needs no server: it imports the package and makes a call that must fail without a token. */
const PROGRAM = `
import { MissingTokenError, Sandbox, type SandboxOptions } from "sandkeep";

const options: SandboxOptions = { memory: "1GiB", timeout: "5m" };
const refused = await Sandbox.create(options).catch((error: unknown) => error);
if (!(refused instanceof MissingTokenError)) throw refused;
`;

/**
 * Installs a tarball, with dependencies from npm's registry, into an empty project, type-checks a program there, and
 * runs it.
 */
export async function tryOut(root: string, tarball: string): Promise<void> {
  const project = await mkdtemp(join(tmpdir(), "sandkeep-consumer-"));
  try {
    const types = JSON.parse(await readFile(join(root, "node_modules/@types/node/package.json"), "utf8")) as {
      version: string;
    };
    const dependencies = { sandkeep: `file:${tarball}`, "@types/node": types.version };
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
    await writeFile(join(project, "main.ts"), PROGRAM);
    await inside(project, "npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const lib = "es2024,esnext.disposable";
    const options = ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", lib, "--types", "node"];
    await inside(project, process.execPath, [tsc, ...options, "--skipLibCheck", "false", "main.ts"]);
    await inside(project, process.execPath, ["main.js"]);
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** Runs a program in another project: without this repository's settings and tokens. */
async function inside(cwd: string, file: string, args: string[]): Promise<void> {
  const { PATH, HOME } = process.env;
  try {
    await run(file, args, { cwd, env: { PATH, HOME }, timeout: TIMEOUT_MS });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${[file, ...args].join(" ")} failed:\n${stdout ?? ""}${stderr ?? String(error)}`);
  }
}
