/** The modules that run in the guest before a user's program, as `data:` URLs: nothing needs to be written into the guest. */
import { readFileSync } from "node:fs";

const source = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const dataUrl = (code: string) => `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`;

/** Reports starts and HTTP servers, as lines of JSON on the given file descriptor. */
const reporter = (fd: number) => source("./preload.js").replace("${REPORT_FD}", String(fd));

/** For `deno run` and `deno eval`: reports on fd 3, the guest's `channel`. */
export const PROGRAM_PRELOAD = dataUrl(reporter(3));

/** For `deno repl --json`, which talks on fd 3: reports on fd 4. @param answerChars largest answer, characters of JSON */
export function replPreload(answerChars: number): string {
  return dataUrl(source("./repl-helper.js").replace("REPL_ANSWER_CHARS", String(answerChars)) + reporter(4).replace(/^\/\/# sourceURL.*$/m, ""));
}
