import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute } from "./execute.ts";
import type { Outcome } from "./outcome.ts";
import { COUNTS_MARK } from "./reporter.ts";

/** How much of a test file's own output is kept, to be shown if it fails. */
const OUTPUT_CHARACTERS = 20_000;

export interface FileReport {
  outcome: Outcome;
  /** Output to show; empty if there is none. */
  text: string;
  durationMs: number;
}

/**
 * Runs one test file in its own process. Crashing, hanging (also after its last test, because something was left open)
 * and running nothing are failures.
 */
export async function runTestFile(
  root: string,
  file: string,
  timeoutMs: number,
  env: Record<string, string> = {},
): Promise<FileReport> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-test-"));
  const report = join(dir, "report");
  const started = performance.now();
  let output = "";
  try {
    const code = await execute(
      process.execPath,
      [
        "--conditions=sandkeep-source",
        "--disable-warning=ExperimentalWarning",
        `--test-reporter=${new URL("reporter.ts", import.meta.url).pathname}`,
        `--test-reporter-destination=${report}`,
        file,
      ],
      {
        cwd: root,
        env: { ...process.env, ...env },
        timeoutMs,
        onOutput: (text) => {
          if (process.env.SANDKEEP_TEST_OUTPUT) process.stdout.write(text);
          else output = (output + text).slice(-OUTPUT_CHARACTERS);
        },
      },
    );
    const said = await readFile(report, "utf8").catch(() => "");
    return { ...reportOf(said, code, output), durationMs: performance.now() - started };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Combines a report and an exit code into a result. */
export function reportOf(said: string, code: number | null, output: string): { outcome: Outcome; text: string } {
  const at = said.lastIndexOf(COUNTS_MARK);
  const text = at < 0 ? said : said.slice(0, at);
  const own =
    output.trim() === ""
      ? ""
      : `  its output:\n${output
          .trimEnd()
          .split("\n")
          .map((line) => `      ${line}`)
          .join("\n")}\n`;
  const failed = (why: string, outcome: Outcome) => ({
    outcome: { ...outcome, failed: outcome.failed + 1 },
    text: `${text}  ✘ ${why}\n${own}`,
  });

  const ended = code === null ? "a signal" : `code ${code}`;
  if (at < 0)
    return failed(
      code === 0 ? "it has no tests, or ended before they did" : `ended with ${ended} before its tests did`,
      { passed: 0, failed: 0 },
    );
  const outcome = JSON.parse(said.slice(at + COUNTS_MARK.length)) as Outcome;
  if (outcome.failed > 0) return { outcome, text: text + own };
  if (code !== 0) return failed(`its tests passed, but it ended with ${ended}`, outcome);
  if (outcome.passed === 0) return failed("it has no tests", outcome);
  return { outcome, text };
}
