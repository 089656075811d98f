/** Code that runs in the guest before the user's code. No file needs to be written into the guest for it. */
import { readFileSync } from "node:fs";

const source = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");

/** Reports starts and HTTP servers, as lines of JSON on the given file descriptor. */
const reporter = (fd: number) => source("./preload.js").replace("${REPORT_FD}", String(fd));

/** Module for `--preload` of `deno run` and `deno eval`: reports on fd 3, the guest's `channel`. */
export const PROGRAM_PRELOAD = `data:text/javascript;base64,${Buffer.from(reporter(3)).toString("base64")}`;

/**
 * First code of a `deno repl --json`, which knows no `--preload` and talks on fd 3: reports on fd 4.
 * @param answerChars largest answer, characters of JSON
 */
export function replSetup(answerChars: number): string {
  // The semicolon keeps the block from being tried as an object literal.
  return `;${source("./repl-helper.js").replace("REPL_ANSWER_CHARS", String(answerChars))}\n${reporter(4)}`;
}
