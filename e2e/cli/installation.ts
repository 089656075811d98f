import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const SANDKEEP = fileURLToPath(new URL("../../sandkeep", import.meta.url));
/** Time for a first command, which starts a server and builds its template, milliseconds. */
const COMMAND_TIMEOUT_MS = 120_000;

export interface Finished {
  /** Exit code; null if a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CallOptions {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
}

/** A separate installation: a data directory, and the command line that uses it. */
export class Installation implements AsyncDisposable {
  readonly dir: string;
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #through: string[];

  private constructor(dir: string, env: Record<string, string>, through: string[]) {
    this.dir = dir;
    this.#through = through;
    this.dataDir = join(dir, "data");
    const {
      DENO_SANDBOX_ENDPOINT: _,
      DENO_DEPLOY_ENDPOINT: __,
      DENO_DEPLOY_TOKEN: ___,
      SANDBOX_ID: ____,
      ...inherited
    } = process.env;
    // Uses the images of the usual data directory, unless the test run names others: building one takes minutes.
    const usual =
      process.env.SANDKEEP_DATA_DIR ||
      join(process.env.XDG_DATA_HOME || join(process.env.HOME!, ".local/share"), "sandkeep");
    this.env = {
      ...inherited,
      NO_COLOR: "1",
      SANDKEEP_IMAGES: process.env.SANDKEEP_IMAGES || usual,
      SANDKEEP_DATA_DIR: this.dataDir,
      ...env,
    };
  }

  /** @param through a program that executes each command, with its arguments */
  static async create(env: Record<string, string> = {}, through: string[] = []): Promise<Installation> {
    return new Installation(await mkdtemp(join(tmpdir(), "sandkeep-cli-")), env, through);
  }

  /** Starts `sandkeep` without waiting for its end. */
  start(args: string[], { env = {}, cwd }: Omit<CallOptions, "input"> = {}) {
    const [file, ...rest] = [...this.#through, SANDKEEP, ...args];
    return spawn(file!, rest, {
      env: { ...this.env, ...env },
      cwd,
      timeout: COMMAND_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
  }

  /** Runs `sandkeep` to its end. */
  async call(args: string[], { input = "", env, cwd }: CallOptions = {}): Promise<Finished> {
    const child = this.start(args, { ...(env && { env }), ...(cwd && { cwd }) });
    // A command need not read its input.
    child.stdin.on("error", () => {}).end(input);
    const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, stdout, stderr };
  }

  /** Runs `sandkeep` and returns what it printed; throws with its output if it failed. */
  async output(args: string[], options?: CallOptions): Promise<string> {
    const { code, stdout, stderr } = await this.call(args, options);
    if (code !== 0) throw new Error(`sandkeep ${args.join(" ")} ended with ${code}:\n${stderr}`);
    return stdout;
  }

  /** Runs `sandkeep` with `--json` and returns the parsed output. */
  async json<T>(args: string[], options?: CallOptions): Promise<T> {
    return JSON.parse(await this.output(["--json", ...args], options)) as T;
  }

  /** Runs `sandkeep` on a terminal of this size: its output as it appears, and a way to type. */
  onTerminal(args: string[], cols: number, rows: number) {
    const quoted = [SANDKEEP, ...args].map((word) => `'${word}'`).join(" ");
    // script(1) creates the terminal and passes the exit code on.
    const child = spawn(
      "script",
      ["--quiet", "--return", "--flush", "--command", `stty rows ${rows} cols ${cols}; exec ${quoted}`, "/dev/null"],
      {
        env: { ...this.env, TERM: "xterm", SHELL: "/bin/sh" },
        timeout: COMMAND_TIMEOUT_MS,
        killSignal: "SIGKILL",
      },
    );
    let shown = "";
    const waiting: { pattern: RegExp; found: () => void }[] = [];
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      shown += chunk;
      for (const { pattern, found } of waiting.filter(({ pattern }) => pattern.test(shown))) {
        waiting.splice(
          waiting.findIndex((w) => w.pattern === pattern),
          1,
        );
        found();
      }
    });
    const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
    return {
      ended,
      get shown() {
        return shown;
      },
      type: (keys: string) => void child.stdin.write(keys),
      /** Waits until this text appears; throws with the output if the command ends first. */
      until: (pattern: RegExp) =>
        Promise.race([
          new Promise<void>((found) => (pattern.test(shown) ? found() : waiting.push({ pattern, found }))),
          ended.then((code) => {
            if (!pattern.test(shown)) throw new Error(`ended with ${code} before it showed ${pattern}:\n${shown}`);
          }),
        ]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call(["stop"]);
    await rm(this.dir, { recursive: true, force: true });
  }
}
